"""The one filter between a gateway and a file: what is an account's, a key's or a person's goes.

Three nets, each for what slips through the other two:

- only headers of a short list are kept, no query, and no host but a known gateway's;
- what stands at a telling place (a header, a query, a JSON key such as `user_id`) is replaced
  there, and wherever else it turns up;
- what looks like a key, an id or an address is replaced in any text.

The same value always gets the same placeholder, so that what a client sends back still fits; a
placeholder is left alone, so that scrubbing twice changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from vcr.request import Request

from langchain_qwen36.gateways.resolve import gateway_of_host
from taping.readable import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_KEPT_HEADERS = frozenset(
    {
        "content-type",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        # what the answer cost
        "x-aimlapi-credits-used",
        "x-aimlapi-usd-spent",
    }
)
_ID_HEADERS = frozenset({"x-request-id", "x-generation-id", "x-inference-id", "x-vercel-id"})
"""Kept with a placeholder: errors quote them."""
_ORDINARY_HEADERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-length",
        "date",
        "host",
        "keep-alive",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
    ]
)
"""Dropped, but their values are nobody's and may stand in a text."""

_OWNED = (
    r"(?:(?:end|safety|client|tool[_-]?call|request|response|completion|generation|trace|billing)"
    r"[_-]?(?:user|customer|identifier|id)"
    r"|(?:user|account|customer|org|organi[sz]ation|project|workspace|team|tenant|session)"
    r"(?:[_-]?(?:id|name|key))?"
    r"|(?:api|access|secret|cache|prompt[_-]cache|auth|refresh|session)[_-]?(?:key|token|secret)"
    r"|password|e-?mail|ip(?:[_-]?address)?|authorization|cookie)"
)
"""A name whose value belongs to somebody, or is one request's."""
_OWNED_KEY = re.compile(rf"{_OWNED}|id", re.IGNORECASE)
_OWNED_TEXT = re.compile(
    rf"(?<![\w-])({_OWNED}\\*[\"']?\s?[:=]\s?\\*[\"']?)((?=[^\s\"']*[\d*])[\w.@*+/-]{{6,}})",
    re.IGNORECASE,
)
"""The same in a running text; with a digit in its value, so that plain words stay."""
_LOOKS_LIKE_ONE = re.compile(
    r"Bearer\s+[^\s\"',;]+"
    r"|(?<!\w)(?:sk|pk|rk|ak|vck|gsk|hf)[-_][\w*.-]*[\w*]"  # masked ones too: sk-ab***yz
    r"|(?<!\w)(?:LTAI|AKIA)\w{8,}"
    r"|(?<!\w)eyJ[\w-]+\.[\w-]+(?:\.[\w-]+)?"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|(?<!\w)(?:org|proj|user|acct|account|cus|ws|llm|team|req|gen|sess|chatcmpl)[-_](?=\w*\d)\w{6,}"
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)"
    r"|(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}(?![\w:])"
)
_PLACEHOLDER = re.compile(r"scrubbed-\d+")
_WORKSPACE_HOST = re.compile(r"[^.]+(?=\.[\w-]+\.maas\.aliyuncs\.com$)")
"""A workspace's own host name."""
_SHORTEST = 6
"""Shorter values are replaced where they stand only: they may be part of any word."""


class Scrubber:
    """vcrpy's `before_record_request` and `before_record_response`.

    Args:
        secrets: What must not get into a file whatever it looks like, such as the key in use.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._names: dict[str, str] = {}
        """Placeholders by what they stand for."""
        self._learnt: set[str] = set()
        for secret in secrets:
            self._learn(secret)

    def request(self, request: Request) -> Request:
        """Return a copy of a request without keys, accounts and ids."""
        self._learn_headers(request.headers.items())
        self._learn_url(request.uri)
        headers = self._headers(request.headers)
        body = (request.body or b"").decode()
        return Request(request.method, self._url(request.uri), self._body(body), headers)

    def response(self, response: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of a response without keys, accounts and ids."""
        pairs = [(name, value) for name, values in response["headers"].items() for value in values]
        self._learn_headers(pairs)
        body = self._body(response["body"]["string"].decode())
        headers = self._headers(response["headers"])
        status = response["status"]
        return {"status": status, "headers": headers, "body": {"string": body.encode()}}

    def _learn(self, value: str) -> None:
        if len(value) >= _SHORTEST and not _PLACEHOLDER.fullmatch(value):
            self._learnt.add(value)

    def _learn_headers(self, pairs: Iterable[tuple[str, str]]) -> None:
        for name, value in pairs:
            if name.lower() in _KEPT_HEADERS | _ORDINARY_HEADERS:
                continue
            self._learn(value)
            if "cookie" in name.lower():
                for cookie in value.split(";"):
                    self._learn(cookie.partition("=")[2].strip())
            elif name.lower().endswith("authorization"):
                self._learn(value.partition(" ")[2])

    def _learn_url(self, url: str) -> None:
        parts = urlsplit(url)
        queried = [value for _, value in parse_qsl(parts.query)]
        for value in (parts.username, parts.password, *queried):
            self._learn(value or "")
        if found := _WORKSPACE_HOST.match(parts.hostname or ""):
            self._learn(found[0])
        elif gateway_of_host(url) is None and not _is_this_machine(parts.hostname):
            self._learn(parts.hostname or "")

    def _url(self, url: str) -> str:
        """Scheme, host and path of a known gateway; any other server is `localhost`."""
        if gateway_of_host(url) is None:
            return "http://localhost/v1/chat/completions"
        parts = urlsplit(url)
        return self._text(f"{parts.scheme}://{parts.hostname}{parts.path}")

    def _headers(self, headers: Mapping[str, Any]) -> dict[str, Any]:
        lists = {
            name.lower(): [value] if isinstance(value, str) else list(value)
            for name, value in headers.items()
        }
        kept = {name: value for name, value in lists.items() if name in _KEPT_HEADERS}
        ids = {name: value for name, value in lists.items() if name in _ID_HEADERS}
        return {name: [self._text(value) for value in values] for name, values in kept.items()} | {
            name: [self._name(value) for value in values] for name, values in ids.items()
        }

    def _body(self, body: str) -> str:
        meant = unpacked(body)
        for value in _owned(meant):
            self._learn(value)
        return packed(self._scrubbed(meant))

    def _scrubbed(self, found: Any) -> Any:
        match found:
            case dict():
                return {name: self._member(name, value) for name, value in found.items()}
            case list():
                return [self._scrubbed(item) for item in found]
            case str():
                return self._text(found)
            case _:
                return found

    def _member(self, name: str, value: Any) -> Any:
        if not _is_owned(name, value):
            return self._scrubbed(value)
        return self._name(str(value))

    def _text(self, text: str) -> str:
        for value in sorted(self._learnt, key=len, reverse=True):
            text = text.replace(value, self._name(value))
        text = _OWNED_TEXT.sub(lambda found: found[1] + self._name(found[2]), text)
        return _LOOKS_LIKE_ONE.sub(lambda found: self._name(found[0]), text)

    def _name(self, value: str) -> str:
        if _PLACEHOLDER.fullmatch(value):
            return value
        return self._names.setdefault(value, f"scrubbed-{len(self._names) + 1}")


def _is_this_machine(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _is_owned(name: str, value: Any) -> bool:
    """Whether a JSON member is replaced whole: a name or a number at a telling key."""
    scalar = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return scalar and _OWNED_KEY.fullmatch(name) is not None


def _owned(found: Any) -> Iterator[str]:
    """Every value at a telling key."""
    if isinstance(found, list):
        for item in found:
            yield from _owned(item)
    elif isinstance(found, dict):
        for name, value in found.items():
            if _is_owned(name, value):
                yield str(value)
            else:
                yield from _owned(value)
