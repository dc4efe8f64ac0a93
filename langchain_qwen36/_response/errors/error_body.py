"""Find the text, the codes and the status of an error, whatever wraps them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from html import unescape
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEAD = 2_000
"""Most characters of a body that a message quotes."""
_TITLE = re.compile(r"<title[^>]{0,200}>(.{0,300}?)</title>", re.IGNORECASE | re.DOTALL)
_EVENT_DATA = re.compile(rb"^data:[ ]?(.*)$", re.MULTILINE)
_ERROR_STATUS = range(400, 600)


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorBody:
    """The contents of an error body, without its wrapping."""

    message: str
    codes: tuple[str, ...] = ()
    """Every code that is a word, the most specific one first."""
    status: int | None = None
    """The status that the body itself names."""
    retry_after: float | None = None
    retryable: bool | None = None
    """Whether the gateway itself says that a retry may succeed."""


def truncate(text: str) -> str:
    """Return the start of a text, short enough for a message."""
    text = text.strip()
    return text if len(text) <= _HEAD else f"{text[:_HEAD]}… ({len(text)} characters)"


def dump_excerpt(value: Any) -> str:
    """Return JSON for an error text, whatever numbers and depth a server wrote."""
    for dump in (orjson.dumps, json.dumps):
        try:
            text = dump(value, default=str)
        except (TypeError, ValueError, RecursionError):
            continue
        return text.decode() if isinstance(text, bytes) else text
    return "(nested too deeply)"


def parse_error_body(body: bytes) -> tuple[Any, ErrorBody]:
    """Parse an error's body; return it parsed, or its start as text if it is no JSON, as well."""
    payload = _json(body)
    if payload is None and (event := _EVENT_DATA.search(body)):
        payload = _json(event.group(1))
    if isinstance(payload, dict):
        return payload, _parse(payload)
    text = body.decode("utf-8", "replace").strip()
    if title := _TITLE.search(text):
        message = f"An HTML page titled {' '.join(unescape(title.group(1)).split())!r}"
    else:
        message = truncate(text) or "An answer without a body"
    return truncate(text), ErrorBody(message=message)


def find_embedded_error(payload: Mapping[str, Any], *, certain: bool) -> ErrorBody | None:
    """Return the error in a JSON object of an HTTP 200; None if there is none."""
    if certain or payload.get("error") or payload.get("object") == "error":
        return _parse(payload)
    choices = payload.get("choices")
    if choices and isinstance(choices, list):
        return _choice_error(choices[0])
    return _parse(payload) if not choices and _is_flat_error(payload) else None


def _choice_error(choice: Any) -> ErrorBody | None:
    """Return the error that a choice ends in, with or without a text.

    See docs/quirks.md#errors-within-http-200.
    """
    if not isinstance(choice, dict):
        return None
    if choice.get("error"):
        return _parse(choice)
    part = choice.get("delta") or choice.get("message")
    if isinstance(part, dict) and part.get("error"):
        return _parse(part)
    if choice.get("finish_reason") == "error":
        return ErrorBody(message="The model behind the gateway failed and did not say why")
    return None


_SUCCESS = frozenset({"success", "ok", "200", "0"})
_FAILURE = frozenset({"error", "failed", "failure"})


def _is_flat_error(payload: Mapping[str, Any]) -> bool:
    """Return whether an object is like `{"code", "message"}`, but not `{"code": 200, …}`."""
    if "detail" in payload or "error_code" in payload or payload.get("errors"):
        return True
    text = _message(None, payload)
    if not text or text.lower() in _SUCCESS:
        return False
    words = {str(payload.get(key)).lower() for key in ("type", "status")}
    if payload.get("success") is False or words & _FAILURE:
        return True
    code = next((code for key in _CODES if (code := payload.get(key))), None)
    return code is not None and (_status(code) is not None or str(code).lower() not in _SUCCESS)


_CODES = ("statusCode", "code", "errorCode", "errCode")


def _parse(payload: Mapping[str, Any]) -> ErrorBody:
    inner = payload.get("error")
    error = inner if isinstance(inner, dict) else payload
    metadata = _mapping(error.get("metadata"))
    availability = _mapping(error.get("availability"))
    retryable = availability.get("retryable")
    wait = availability.get("retry_after")
    parsed = ErrorBody(
        message=_message(inner, error) or truncate(dump_excerpt(payload)),
        codes=tuple(_words(error, metadata, availability, payload)),
        status=_first_status(error, payload),
        retryable=retryable if isinstance(retryable, bool) else None,
        retry_after=float(wait) if isinstance(wait, int | float) and wait > 0 else None,
    )
    return _with_provider(parsed, metadata)


def _message(inner: Any, error: Mapping[str, Any]) -> str:
    """Return the first text of an error's fields, the plainest field first."""
    texts = (inner, error.get("message"), error.get("localized_message"), error.get("detail"))
    others = (error.get(key) for key in ("msg", "error_msg", "errMsg", "errors", "error_code"))
    for text in (*texts, *others):
        if isinstance(text, str) and text.strip():
            # Some 400s are framed as an event inside their own message:
            # docs/quirks.md#errors-within-http-200.
            framed = _json(text.removeprefix("data:").strip()) if text[:5] == "data:" else None
            return _parse(framed).message if isinstance(framed, dict) else truncate(text)
        if isinstance(text, list) and text:
            return truncate("; ".join(_detail(item) for item in text))
    return ""


def _detail(item: Any) -> str:
    """Return one of several complaints: where it is and what is wrong, in FastAPI's form."""
    if not isinstance(item, dict):
        return _text(item)
    loc = item.get("loc")
    where = ".".join(map(str, loc)) if isinstance(loc, list) else str(loc or "")
    what = _text(item.get("msg") or item.get("message") or item)
    return f"{where}: {what}" if where else what


def _text(value: Any) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError):
        return "(nested too deeply)"


def _words(*objects: Mapping[str, Any]) -> Iterator[str]:
    for obj in objects:
        for key in ("code", "error_type", "type", "error_code", "provider_code"):
            value = obj.get(key)
            if isinstance(value, str) and value and not value.isdigit():
                yield value


def _first_status(*objects: Mapping[str, Any]) -> int | None:
    for obj in objects:
        for key in ("status_code", "statusCode", "code", "status"):
            if (status := _status(obj.get(key))) is not None:
                return status
    return None


def _status(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) == len("400"):
        value = int(value)
    return value if isinstance(value, int) and value in _ERROR_STATUS else None


def _with_provider(parsed: ErrorBody, metadata: Mapping[str, Any]) -> ErrorBody:
    """Add the provider's own text, since a router's error says little.

    See docs/quirks.md#errors-within-http-200.
    """
    raw = metadata.get("raw")
    provider = metadata.get("provider_name")
    message, codes = parsed.message, parsed.codes
    if isinstance(raw, str) and isinstance(inner := _json(raw), dict):
        raw = inner
    if isinstance(raw, dict) and raw:
        upstream = _parse(raw)
        message, codes = f"{message}: {upstream.message}", upstream.codes + codes
    elif isinstance(raw, str) and raw.strip():
        message = f"{message}: {truncate(raw)}"
    if isinstance(provider, str) and provider:
        message = f"{message} [provider {provider}]"
    return replace(parsed, message=message, codes=codes)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
