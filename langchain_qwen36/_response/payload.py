"""Turn the bytes of one HTTP response into a completion payload, or into a typed error; no I/O."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from langchain_qwen36._response import nesting_limit
from langchain_qwen36._response.errors import (
    PLAN_KEY,
    error_from,
    error_in,
    find_embedded_error,
    request_id,
    truncate,
)
from langchain_qwen36._response.surrogates import SurrogateJoiner
from langchain_qwen36.errors import QwenError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_qwen36.gateways import Gateway

HTTP_ERROR_FROM = 300
"""Statuses from here on are errors: the transport has followed the redirects that it may follow."""


class HTTPBody(NamedTuple):
    """The status, the headers and the complete body of a response."""

    status: int
    headers: Mapping[str, str]
    """Headers with lower-case names."""
    content: bytes

    def __repr__(self) -> str:
        """Leave out headers and content, in which a server may echo the key."""
        return f"HTTPBody({self.status}, {len(self.content)} bytes)"


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseContext:
    """The context of a request that is needed to read its response."""

    gateway: Gateway
    url: str = ""
    """The URL for error messages, without query and user."""
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    more_secrets: Callable[[], tuple[bytes, ...]] = tuple
    """Returns secrets that are looked up only where something is redacted."""
    """Values that are replaced in error texts, since some gateways echo the key."""
    is_stream: bool = True
    """Whether an event stream was requested; some gateways answer with the other kind."""
    max_event_bytes: int | None = None
    """Most bytes of one server-sent event; None: no limit."""

    @property
    def plan_key(self) -> bool:
        """Whether the key belongs to a plan, which no other host accepts."""
        return any(key.startswith(PLAN_KEY) for key in self.secrets)

    def redact(self, data: bytes) -> bytes:
        """Replace the secrets in a piece of a response."""
        for secret in (*self.secrets, *self.more_secrets()):
            data = data.replace(secret, b"[key]")
        return data

    def redact_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Replace the secrets in the headers of an error, one of which is its request id."""
        return {
            name: self.redact(value.encode("utf-8", "replace")).decode()
            for name, value in headers.items()
        }

    def redact_payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the secrets in a payload; a round trip through JSON, so only for errors."""
        try:
            clean = json.loads(self.redact(json.dumps(payload).encode()))
        except (TypeError, ValueError, RecursionError):
            return {"message": "The payload cannot be quoted: it is nested too deeply."}
        return clean if isinstance(clean, dict) else {}


def parse_completion(context: ResponseContext, body: HTTPBody) -> dict[str, Any]:
    """Parse a response with one JSON body.

    Raises:
        QwenError: The response is an error, by its status or within an HTTP 200, or no completion.
    """
    payload = parse_object(context, body)
    if not isinstance(payload.get("choices"), list) or not payload["choices"]:
        raise unexpected_response(context, body)
    return payload


def parse_object(
    context: ResponseContext, body: HTTPBody, expected: str = "chat completion"
) -> dict[str, Any]:
    """Parse a response that is a JSON object.

    Args:
        context: The context of the request.
        body: The response.
        expected: What the error names as missing, such as `list of embeddings`.

    Raises:
        QwenError: The response is an error, by its status or within an HTTP 200, or no JSON object.
    """
    check_status(context, body)
    try:
        payload = loads(body.content)
    except ValueError:
        raise unexpected_response(context, body, expected) from None
    if not isinstance(payload, dict):
        raise unexpected_response(context, body, expected)
    if error := embedded_error(context, payload, body.headers):
        raise error
    return payload


def check_status(context: ResponseContext, body: HTTPBody) -> None:
    """Raise the `QwenError` for an error status."""
    if body.status >= HTTP_ERROR_FROM:
        content, headers = context.redact(body.content), context.redact_headers(body.headers)
        raise error_from(
            body.status, headers, content, gateway=context.gateway, plan_key=context.plan_key
        )


def embedded_error(
    context: ResponseContext,
    payload: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    certain: bool = False,
) -> QwenError | None:
    """Return the error in a payload of an HTTP 200, if there is one, without secrets."""
    if find_embedded_error(payload, certain=certain) is None:
        return None
    return error_in(
        context.redact_payload(payload) if context.secrets else payload,
        certain=certain,
        gateway=context.gateway,
        headers=context.redact_headers(headers),
        plan_key=context.plan_key,
    )


def loads(data: bytes, joiner: SurrogateJoiner | None = None) -> Any:
    """Parse JSON as servers write it: invalid UTF-8 and lone surrogates are replaced.

    A BOM, NaN and raw control characters in strings are accepted, too.

    Args:
        data: The JSON.
        joiner: The stream's joiner, which keeps half an emoji for its other half.

    Raises:
        ValueError: The data is no JSON.
    """
    try:
        return nesting_limit.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode("utf-8-sig", "replace")
    try:
        payload = json.loads(text, strict=False, parse_int=_integer)
        payload = (SurrogateJoiner() if joiner is None else joiner).join(payload)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    nesting_limit.limit_depth(payload)
    return payload


def _integer(digits: str) -> float:
    """Return an integer; one that no float can hold is infinite, as `1e999999` is."""
    return int(digits) if len(digits) <= sys.float_info.max_10_exp else float(digits)


def unexpected_response(
    context: ResponseContext, body: HTTPBody, expected: str = "chat completion"
) -> UnexpectedResponseError:
    """Return the error: final for another kind of server, retryable for a truncated body."""
    text = truncate(context.redact(body.content).decode("utf-8", "replace"))
    is_other = text.startswith("<") or (text.startswith("{") and text.endswith("}"))
    return UnexpectedResponseError(
        f"{context.url} answered with no {expected}, but with "
        f"{text or 'nothing'!r}. Check `base_url=`.",
        status_code=body.status,
        request_id=request_id(context.redact_headers(body.headers)),
        body=text,
        is_retryable=not is_other,
    )
