"""Choose the error class for a code, a status or a text.

The gateway's code decides, then the status; the text decides only if neither does (a 500 that
happens to mention a policy is an outage, not moderation).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from langchain_qwen36.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    QwenError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from langchain_qwen36._response.errors.error_body import ErrorBody
    from langchain_qwen36.gateways import Gateway


class ErrorClass(NamedTuple):
    """A class of the error tree, and what else is known of the failure."""

    error: type[QwenError]
    advice: str | None = None
    """What to do, if there is more to say than the class does."""
    retryable: bool | None = None
    """Whether a retry may succeed; None: the class decides."""


_MODERATED = ErrorClass(ContentFilterError)
_OVERFLOW = ErrorClass(ContextOverflowError)
_NO_MONEY = ErrorClass(PaymentRequiredError)
_THROTTLED = ErrorClass(RateLimitError)

_BY_CODE = {
    # Model Studio, in its native and its compatible spelling
    "datainspectionfailed": _MODERATED,
    "data_inspection_failed": _MODERATED,
    "arrearage": _NO_MONEY,
    "allocationquota.freetieronly": ErrorClass(
        PaymentRequiredError,
        "The free quota is used up: switch off `use free tier only` in the console to go on.",
    ),
    "commoditynotpurchased": _NO_MONEY,
    "prepaidbilloverdue": _NO_MONEY,
    "postpaidbilloverdue": _NO_MONEY,
    "invalidapikey": ErrorClass(AuthenticationError),
    "invalid_api_key": ErrorClass(AuthenticationError),
    "accessdenied": ErrorClass(PermissionDeniedError),
    "access_denied": ErrorClass(PermissionDeniedError),
    "accessdenied.unpurchased": ErrorClass(
        PermissionDeniedError, "Activate the model service in the gateway's console first."
    ),
    "model.accessdenied": ErrorClass(PermissionDeniedError),
    "workspace.accessdenied": ErrorClass(PermissionDeniedError),
    "endpoint.accessdenied": ErrorClass(PermissionDeniedError),
    "modelnotfound": ErrorClass(NotFoundError),
    "model_not_found": ErrorClass(NotFoundError),
    "limit_requests": _THROTTLED,
    "limit_burst_rate": _THROTTLED,
    "throttling": _THROTTLED,
    "throttling.ratequota": _THROTTLED,
    "throttling.burstrate": _THROTTLED,
    "throttling.concurrency": _THROTTLED,
    "throttling.allocationquota": _THROTTLED,
    # OpenAI-compatible gateways
    "rate_limit_exceeded": _THROTTLED,
    "insufficient_user_quota": _NO_MONEY,
    "insufficient_funds": _NO_MONEY,
    "quota_for_entity_exceeded": _NO_MONEY,
    "payment_required": _NO_MONEY,
    "customer_verification_required": ErrorClass(PermissionDeniedError),
    "context_length_exceeded": _OVERFLOW,
    "token_limit_exceeded": _OVERFLOW,
    "content_policy_violation": _MODERATED,
    "content_filter": _MODERATED,
    "refusal": _MODERATED,
    # llama.cpp's type
    "exceed_context_size_error": _OVERFLOW,
}

_STATUS_OF_TYPE = {
    "bad_request": 400,
    "invalid_request": 400,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "invalidparameter": 400,
    "invalid_parameter_error": 400,
    "authentication": 401,
    "authentication_error": 401,
    "unauthorized": 401,
    "permission_denied": 403,
    "permission_error": 403,
    "forbidden": 403,
    "not_found": 404,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "tool_use_failed": 400,
}
"""Status of an error in an HTTP 200 that names none: docs/quirks.md#errors-within-http-200."""

_BY_STATUS: dict[int, type[QwenError]] = {
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    409: ServerError,
    429: RateLimitError,
}

_MAY_BE_MONEY = (None, 403, 429)
_MAY_BE_MODERATION = (None, 400, 403, 422, 451)
_MAY_BE_OVERFLOW = (None, 400, 413, 422)
"""Statuses that do not decide by themselves; None is an error without a status."""

_NO_CREDIT = (
    r"free allocated quota exceeded"  # a rate limit by its code, missing money by its text
    r"|insufficient (user )?(balance|credit|fund)"
    r"|(run|ran) out of (balance|credit|fund)|out of credits|not enough (balance|credit|fund)"
    r"|requires more credits|top.?up your|账户?余额不足|余额不足"
)
_TOO_LONG = (
    r"range of input length should be"  # Model Studio
    r"|maximum (context|input) length|maximum model length|longer than the model's context"
    r"|context[ _](length|size|window) (is )?(exceeded|too)|exceeds? the (available |model'?s? )?"
    r"(maximum )?context|exceed_context_size|context_length_exceeded"
    r"|(input|prompt)( \([^)]*\))? is (too long|longer than)|(prompt|input) (is )?too long"
    r"|max_model_len|maximum allowed (input )?length|context length is only|context the overflows"
    r"|reduce the length of the (messages|input|prompt)"
    r"|too many (input )?tokens|input (token count|length).{0,40}exceeds?"
)
_WINDOW = r"maximum context length (?:is|of) (\d{1,9})"
_INPUT_TOKENS = (
    r"(?:at least )?(\d{1,9}) (?:input tokens|tokens from the input|of text input|in the messages"
    r"|of tool input|of image input|in your prompt)"
)
_OUTPUT_TOKENS = (
    r"is too large: (\d{1,9})"
    r"|(\d{1,9}) (?:output tokens|in the output|tokens for the completion|in the completion)"
)
_FLAGGED = (
    r"may contain inappropriate content|data_?inspection_?failed|content (policy|filter)"
    r"|flagged (by|as|for)|moderation"
)
_CLIENT_MISTAKES = (
    (
        r"list index out of range",
        "Check the order of the messages: each tool message must follow the call it answers.",
    ),
    (
        r"requires --jinja",
        "Start llama-server with `--jinja` to use tools.",
    ),
    (
        r"mmproj|(image|audio|multimodal) input is not supported",
        "Start llama-server with `--mmproj FILE` to send images.",
    ),
    (
        r"(failed|unable) to (download|fetch|load) (the )?image",
        "The server could not fetch the image: send it as a data URL.",
    ),
    (
        r"system message must be at the beginning",
        "Send one system message, or name the row of the server behind the proxy by `gateway=`.",
    ),
    (
        r"json schema (error at|conversion failed)",
        "Mend the JSON schema of the tool or the answer: the server cannot make a grammar of it.",
    ),
)
"""Texts of a 500 that is the request's fault and comes back every time.

See docs/quirks.md#a-server-error-that-comes-back-every-time.
"""
_GARBLED_TEXT = r"failed to parse input|does not match .{0,40}format"
_GARBLED = ErrorClass(
    UnexpectedResponseError,
    "The server could not parse its model's output: a newer llama.cpp, the model's own "
    "chat template or `--reasoning-format none` helps.",
)


def classify(error: ErrorBody, status: int | None, gateway: Gateway) -> ErrorClass:
    """Classify an error by its code, then by its status, then by its text.

    Args:
        error: The parsed error body.
        status: The response's status, or the one that the body of an HTTP 200 names.
        gateway: The gateway's row, which says what `insufficient_quota` means.
    """
    codes = [code.lower() for code in error.codes]
    for code in codes:
        if code == "insufficient_quota":
            return _quota(error, gateway)
        if error_class := _BY_CODE.get(code):
            no_credit = error_class is _THROTTLED and _says(error.message, _NO_CREDIT)
            return _NO_MONEY if no_credit else error_class
    if status is None:
        status = next((_STATUS_OF_TYPE[code] for code in codes if code in _STATUS_OF_TYPE), None)
    return _by_status(status, error.message)


def _says(text: str, pattern: str) -> bool:
    """Search without case. Python compiles a pattern on first use, and keeps it."""
    return re.search(pattern, text, re.IGNORECASE) is not None


def _quota(error: ErrorBody, gateway: Gateway) -> ErrorClass:
    """Return what `insufficient_quota` means: a rate limit at one vendor, money at all others.

    See docs/quirks.md#rate-limits-that-are-no-rate-limits.
    """
    throttled = gateway.insufficient_quota == "throttled"
    return _THROTTLED if throttled and not _says(error.message, _NO_CREDIT) else _NO_MONEY


def _by_status(status: int | None, text: str) -> ErrorClass:
    if status in _MAY_BE_MONEY and _says(text, _NO_CREDIT):
        return _NO_MONEY
    if status in _MAY_BE_MODERATION and _says(text, _FLAGGED):
        return _MODERATED
    if error := _BY_STATUS.get(status or 0):
        return ErrorClass(error)
    if status in _MAY_BE_OVERFLOW and _says(text, _TOO_LONG):
        return _too_many_output_tokens(text) or _OVERFLOW
    if status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return ErrorClass(InvalidRequestError)
    return _of_server(text)


def _too_many_output_tokens(text: str) -> ErrorClass | None:
    """Return the class of an error that names more output than input tokens.

    Servers speak of the context length here too, but shortening the messages cannot help:
    docs/quirks.md#max_tokens-that-does-not-fit.
    """
    window = _numbers(_WINDOW, text)
    input_tokens, output_tokens = (
        sum(_numbers(_INPUT_TOKENS, text)),
        sum(_numbers(_OUTPUT_TOKENS, text)),
    )
    if not output_tokens or output_tokens <= input_tokens:
        return None
    if window and input_tokens >= window[0]:
        return None
    room = f" to at most {window[0] - input_tokens}" if window and input_tokens else ""
    return ErrorClass(
        InvalidRequestError,
        f"Lower `max_tokens` (or `max_completion_tokens`){room}: the messages themselves fit.",
    )


def _numbers(pattern: str, text: str) -> list[int]:
    return [
        int(next(filter(None, match.groups())))
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def _of_server(text: str) -> ErrorClass:
    for pattern, advice in _CLIENT_MISTAKES:
        if _says(text, pattern):
            return ErrorClass(InvalidRequestError, advice)
    return _GARBLED if _says(text, _GARBLED_TEXT) else ErrorClass(ServerError)
