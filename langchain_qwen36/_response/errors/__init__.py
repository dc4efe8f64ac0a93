"""Read error responses into the error tree of `langchain_qwen36.errors`, without I/O.

`error_from` reads an HTTP status of 400 and above, `error_in` an error that hides in an HTTP 200:
as a body, as a chunk of a stream, or inside a choice. `classify` has the table of codes;
`error_body` finds the text of an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._response.errors.classify import classify
from langchain_qwen36._response.errors.error_body import (
    ErrorBody,
    find_embedded_error,
    parse_error_body,
    truncate,
)
from langchain_qwen36._response.errors.hints import PLAN_KEY, hint, vendor_term
from langchain_qwen36._response.errors.retry_after import retry_after
from langchain_qwen36.errors import ContentFilterError, QwenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36.gateways import Gateway

__all__ = [
    "PLAN_KEY",
    "error_from",
    "error_in",
    "find_embedded_error",
    "request_id",
    "retry_after",
    "truncate",
]

_REQUEST_ID_HEADERS = (
    "x-request-id",
    "x-dashscope-request-id",
    "x-generation-id",
    "x-inference-id",
    "x-vercel-id",
    "x-ds-trace-id",
)


def error_from(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    gateway: Gateway,
    plan_key: bool = False,
) -> QwenError:
    """Return the error for a response with a status of 400 and above.

    Args:
        status: The HTTP status; it decides wherever no code of the gateway's does.
        headers: Headers with lower-case names.
        body: JSON, JSON framed as an event (docs/quirks.md#errors-within-http-200), HTML, or text.
        gateway: The gateway's row, which says what `insufficient_quota` means.
        plan_key: Whether the key belonged to a plan.
    """
    payload, parsed = parse_error_body(body)
    return _error(parsed, status, headers, payload, gateway=gateway, plan_key=plan_key)


def error_in(
    payload: Mapping[str, Any],
    *,
    gateway: Gateway,
    headers: Mapping[str, str],
    certain: bool = False,
    plan_key: bool = False,
) -> QwenError | None:
    """Return the error in an HTTP 200, or None if there is none.

    Args:
        payload: A JSON object: a complete answer or a chunk of a stream.
        gateway: See `error_from`.
        headers: Headers with lower-case names.
        certain: Whether its frame makes it an error, whatever it says (an event of that name).
        plan_key: See `error_from`.
    """
    parsed = find_embedded_error(payload, certain=certain)
    if parsed is None:
        return None
    return _error(parsed, parsed.status, headers, payload, gateway=gateway, plan_key=plan_key)


def request_id(headers: Mapping[str, str], payload: Mapping[str, Any] | None = None) -> str | None:
    """Return the id to quote to the gateway's support: a header's, else the body's."""
    for name in _REQUEST_ID_HEADERS:
        if value := headers.get(name):
            return value
    for key in ("request_id", "requestId", "id"):
        if payload and isinstance(value := payload.get(key), str) and value:
            return value
    return None


def _error(
    parsed: ErrorBody,
    status: int | None,
    headers: Mapping[str, str],
    body: Any,
    *,
    gateway: Gateway,
    plan_key: bool,
) -> QwenError:
    error_class = classify(parsed, status, gateway)
    retryable = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
    if retryable is None:
        retryable = error_class.retryable if parsed.retryable is None else parsed.retryable
    code = next(iter(parsed.codes), None)
    id_ = request_id(headers, body if isinstance(body, dict) else None)
    facts = [f"gateway {gateway.name!r}", status and f"status {status}", code and f"code {code!r}"]
    advice = hint(error_class, gateway, plan_key=plan_key)
    facts.append(vendor_term(error_class, gateway))
    details = ", ".join(fact for fact in [*facts, id_ and f"request_id {id_!r}"] if fact)
    error = error_class.error(
        " ".join(filter(None, (f"{parsed.message} ({details}).", advice))),
        status_code=status,
        code=code,
        request_id=id_,
        gateway=gateway.name,
        body=body,
        retry_after=retry_after(headers) or parsed.retry_after,
        is_retryable=retryable,
    )
    if isinstance(error, ContentFilterError) and "output" in parsed.message.lower():
        error.side = "output"
    return error
