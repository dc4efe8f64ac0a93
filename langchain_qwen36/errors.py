"""The errors of this package, as a tree.

    QwenError
    ├── InvalidRequestError        the gateway refuses the request (400, 422)
    │   ├── ContextOverflowError   the input is longer than the model's window
    │   └── ContentFilterError     moderation stopped the input or the output
    ├── AuthenticationError        the key is wrong or missing at the gateway (401)
    ├── PermissionDeniedError      the key may not do this (403)
    │   └── PaymentRequiredError   no money, no quota, a bill overdue (402, 403, 429)
    ├── NotFoundError              no such model or path (404)
    ├── RateLimitError             too fast; may be retried (429)
    ├── ServerError                the gateway failed; may be retried (408, 409, 5xx)
    │   └── UnexpectedResponseError  the response is no chat completion
    ├── GatewayConnectionError     the gateway cannot be reached; may be retried
    │   ├── CertificateError       its TLS certificate is not valid; never retried
    │   └── StreamInterruptedError the stream broke off or ended without an ending
    ├── GatewayTimeoutError        one of the timeouts ran out; may be retried
    ├── EngineError                the embedded engine cannot start, or died
    │   ├── EngineMissingError     the extra `local` is not installed
    │   └── ModelFileError         the GGUF file is missing, damaged or no GGUF
    ├── LedgerError                the spend ledger cannot be used as it is set up
    │   └── LedgerUnavailableError it cannot be reached now; may be retried
    ├── BulkInputError             rows of a bulk run cannot be read; nothing was sent
    ├── JournalError               the journal of a bulk run cannot be read or written
    ├── RateLimitStorageError      the rate limits cannot be looked up; may be retried
    └── BudgetExceededError        the budget is spent; the call was not made
    MissingKeyError                no key for any gateway (a ValueError)
    UnsupportedSettingError        a setting this gateway or model cannot take (a ValueError)
    MessageError                   a message that cannot be sent (a ValueError)

Each class also inherits the child of langchain-core's `ModelError` for its condition, so that
agent middleware, `with_retry` and `with_fallbacks` know what may be retried without asking us.
The builtin base class decides for LangGraph's `RetryPolicy`, which looks at builtins only
(`ValueError` and `OSError`'s children except `ConnectionError` are not retried there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from langchain_core import exceptions as core

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from langchain_core.messages import AIMessage

__all__ = [
    "AuthenticationError",
    "BudgetExceededError",
    "BulkInputError",
    "CertificateError",
    "Clock",
    "ContentFilterError",
    "ContextOverflowError",
    "EngineError",
    "EngineMissingError",
    "GatewayConnectionError",
    "GatewayTimeoutError",
    "InvalidRequestError",
    "JournalError",
    "LedgerError",
    "LedgerUnavailableError",
    "MessageError",
    "MissingKeyError",
    "ModelFileError",
    "NotFoundError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "QwenError",
    "RateLimitError",
    "RateLimitStorageError",
    "ServerError",
    "StreamInterruptedError",
    "UnexpectedResponseError",
    "UnsupportedSettingError",
]

Clock = Literal["connect", "pool", "first_event", "gap", "total"]
"""The timeout that ran out; `Timeouts` describes each."""


class QwenError(core.ModelError):
    """Base of every failure of a call.

    The keyword arguments become attributes; unknown values are None.
    """

    status_code: int | None
    """HTTP status, or the status a gateway wrote into the body of an HTTP 200."""
    code: str | None
    """The gateway's own code, e.g. `Throttling.RateQuota`, `insufficient_quota`."""
    request_id: str | None
    """The id to quote to the gateway's support."""
    gateway: str | None
    """Name of the gateway's row."""
    body: Any
    """The error's body: parsed JSON, or its first characters as text."""
    retry_after: float | None
    """Seconds the gateway asked us to wait."""
    attempts: int | None
    """How many requests were sent for this call, this one included."""
    partial: AIMessage | None
    """The part of the answer that arrived before the failure, with its usage if the server sent
    it."""
    chunks: int | None
    """Number of chunks that had been read."""
    failed_attempts: Sequence[Mapping[str, Any]] = ()
    """Earlier attempts of the call that the gateway may bill, with their tokens."""

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        gateway: str | None = None,
        body: Any = None,
        retry_after: float | None = None,
        is_retryable: bool | None = None,
        attempts: int | None = None,
        partial: AIMessage | None = None,
        chunks: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.code = code
        self.request_id = request_id
        self.gateway = gateway
        self.body = body
        self.retry_after = retry_after
        self.attempts = attempts
        self.partial = partial
        self.chunks = chunks
        if is_retryable is not None:
            self.is_retryable = is_retryable

    def __str__(self) -> str:
        """Return the message; OSError's own form would print a tuple."""
        return self.message


class InvalidRequestError(QwenError, core.ModelInvalidRequestError, ValueError):
    """The gateway refuses the request as it stands; sending it again changes nothing."""


class ContextOverflowError(InvalidRequestError, core.ContextOverflowError):
    """The input is longer than the model's window; summarising middleware acts on this."""


class ContentFilterError(InvalidRequestError):
    """Moderation stopped the call. The flagged text is still in your history."""

    side: Literal["input", "output"] = "input"
    """Whose text was flagged: the user's, or the model's (then `partial` holds what it had
    written)."""


class AuthenticationError(QwenError, core.ModelAuthenticationError, ValueError):
    """The gateway does not know the key; keys are bound to a gateway and often to a region."""


class PermissionDeniedError(QwenError, core.ModelPermissionDeniedError, PermissionError):
    """The key is known but may not do this."""


class PaymentRequiredError(PermissionDeniedError):
    """No money, no quota left, or a bill overdue: waiting does not help."""


class NotFoundError(QwenError, core.ModelNotFoundError, LookupError):
    """The gateway has no such model or path."""


class RateLimitError(QwenError, core.ModelRateLimitError):
    """Too many requests or tokens per minute."""


class ServerError(QwenError, core.ModelAPIError):
    """The gateway or the model behind it failed."""


class UnexpectedResponseError(ServerError):
    """A response that is no chat completion: an HTML page, an empty body, broken JSON."""


class GatewayConnectionError(QwenError, core.ModelConnectionError, ConnectionError):
    """The gateway cannot be reached, or the connection broke."""


class CertificateError(GatewayConnectionError):
    """The gateway's TLS certificate is not valid."""

    is_retryable: ClassVar[bool] = False  # type: ignore[misc]
    """False: the certificate would be refused the next time too."""


class StreamInterruptedError(GatewayConnectionError):
    """A stream broke off, or ended with neither finish_reason nor [DONE].

    `partial` holds the text that arrived and `chunks` counts its chunks. Nothing was sent again:
    the text would have been repeated and billed twice.
    """


class GatewayTimeoutError(QwenError, core.ModelTimeoutError):
    """A timeout of the call ran out."""

    clock: Clock | None = None
    """Which timeout ran out."""


class EngineError(QwenError, RuntimeError):
    """The embedded engine cannot start, or died; the message ends with the tail of its log."""


class EngineMissingError(EngineError, ImportError):
    """The extra `local` is not installed."""


class ModelFileError(EngineError, OSError):
    """The GGUF file is missing, damaged, or no GGUF."""


class LedgerError(QwenError, ValueError):
    """The spend ledger cannot be used as it is set up; no call was sent."""


class LedgerUnavailableError(LedgerError):
    """The spend ledger cannot be reached, and calls without it are refused."""

    is_retryable: ClassVar[bool] = True  # type: ignore[misc]
    """True: nothing was sent."""


class BulkInputError(QwenError, ValueError):
    """Rows of a bulk run cannot be read or sent; the message names their lines."""


class JournalError(QwenError, ValueError):
    """The journal of a bulk run cannot be read or written."""


class RateLimitStorageError(QwenError, ConnectionError):
    """The storage of a `SharedRateLimiter` does not answer; the call was not sent."""

    is_retryable: ClassVar[bool] = True  # type: ignore[misc]
    """Whether a later attempt may succeed: the storage may be back."""


class BudgetExceededError(QwenError, ValueError):
    """The budget is spent; the call was refused before it was sent."""


class MissingKeyError(ValueError):
    """No gateway was named and no gateway's key is in the environment."""


class UnsupportedSettingError(ValueError):
    """A setting that this gateway or model does not support, found before anything is sent."""


class MessageError(ValueError):
    """A message, or an order of messages, that cannot be sent."""


def nearest(name: str, names: Iterable[str], *, likeness: float = 0.8) -> list[str]:
    """Return up to three of `names` that a misspelt name may mean, the most alike first.

    Case and punctuation do not count: `QWEN 3.6 plus` and `qwen36-plus` mean `qwen3.6-plus`.
    """
    from difflib import get_close_matches  # noqa: PLC0415 (only where something is misspelt)

    plain = {_letters(known): known for known in names}
    found = get_close_matches(_letters(name), plain, n=3, cutoff=likeness)
    return [plain[match] for match in found]


def _letters(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())
