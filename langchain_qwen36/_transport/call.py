"""Describe one model call, and count its attempts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36._content.messages import reasoning_text
from langchain_qwen36._logging import logger_for
from langchain_qwen36._response.errors.billing import may_be_billed
from langchain_qwen36._response.errors.hints import advice_for_call
from langchain_qwen36._response.payload import ResponseContext
from langchain_qwen36._transport.backoff import delay
from langchain_qwen36._transport.http import CallTimeouts, Target, Timeouts
from langchain_qwen36._transport.secrets import secrets_of, secrets_of_environment
from langchain_qwen36._transport.target import display_url
from langchain_qwen36.errors import (
    GatewayConnectionError,
    InvalidRequestError,
    QwenError,
)
from langchain_qwen36.tokens import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from langchain_qwen36._transport.http.client import RequestBody
    from langchain_qwen36.gateways import Gateway

logger = logger_for(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiCall:
    """The request of one model call, with its timeouts and its number of retries."""

    target: Target
    body: RequestBody
    """JSON; or a form with a file, which is read while it is sent."""
    gateway: Gateway
    model: str
    """The model's name in the log."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    is_stream: bool = True
    """Whether an event stream is requested; some gateways answer with the other kind."""
    max_retries: int = 2
    max_event_bytes: int | None = None
    """Most bytes of one event of a stream; None: no limit."""
    check: Callable[[], None] | None = None
    """Called when a connection fails; raises if the server is known to be dead."""

    @property
    def context(self) -> ResponseContext:
        """The context that is needed to read the response."""
        return ResponseContext(
            gateway=self.gateway,
            url=display_url(self.target.url),
            secrets=secrets_of(self.target),
            more_secrets=secrets_of_environment,
            is_stream=self.is_stream,
            max_event_bytes=self.max_event_bytes,
        )


def _billed_attempt(error: QwenError) -> dict[str, Any]:
    """Return the known token counts of an attempt that failed while it was being billed."""
    partial = error.partial
    usage = partial.usage_metadata if partial else None
    reasoning = reasoning_text(partial) if partial else ""
    return {
        "error": type(error).__name__,
        "request_id": error.request_id,
        "thinking": partial.response_metadata.get("thinking") if partial else None,
        "usage": dict(usage) if usage else None,
        "output_tokens": count_text(reasoning + partial.text) if partial else 0,
    }


class Attempts:
    """Counts, times and logs the attempts of one call."""

    def __init__(self, call: ApiCall) -> None:
        self.body = call.body
        self.count = 0
        self.failed: list[Mapping[str, Any]] = []
        """Earlier attempts of the call that the gateway may bill."""
        self._taken = 0
        self._call = call
        self._started = time.monotonic()
        self._deadline = call.timeouts.deadline()

    def start(self) -> CallTimeouts:
        """Begin an attempt."""
        self.count += 1
        return CallTimeouts(self._call.timeouts, self._deadline)

    def delay_or_raise(self, error: QwenError, *, handed_out: bool = False) -> float:
        """Return the seconds until the next attempt.

        Args:
            error: The error of the last attempt.
            handed_out: Whether the caller has a part of the answer, which must not come twice.

        Raises:
            QwenError: This error, if it is final.
        """
        if self._call.check is not None and isinstance(error, GatewayConnectionError):
            self._call.check()
        if not handed_out and self._drop_stream_options(error):
            return 0.0
        seconds = None if handed_out else delay(error, self.count, self._call.max_retries)
        if seconds is None or self._exceeds_deadline(seconds):
            call = self._call
            if advice := advice_for_call(error, call.target.url, call.model, call.gateway):
                error.message = f"{error.message} {advice}"
            error.attempts = self.count
            error.failed_attempts = tuple(self.failed)
            error.gateway = self._call.gateway.name
            self._log(error.status_code or type(error).__name__, error.request_id)
            raise error
        if error.partial is not None or may_be_billed(error):
            self.failed.append(_billed_attempt(error))
        return seconds

    def take_billed(self) -> Mapping[str, Any] | None:
        """Return the attempt that has just failed, once, if the gateway may bill it."""
        if len(self.failed) == self._taken:
            return None
        self._taken = len(self.failed)
        return self.failed[-1]

    @contextmanager
    def refused_after(self, error: QwenError) -> Iterator[None]:
        """Attach what was sent before to an error that refuses the next attempt.

        Args:
            error: The error after which another attempt was needed.
        """
        try:
            yield
        except QwenError as refusal:
            refusal.attempts = self.count
            refusal.failed_attempts = tuple(self.failed)
            refusal.gateway = self._call.gateway.name
            raise refusal from error

    def log_success(self, status: int, id_: str | None) -> None:
        """Log the attempt whose response came completely."""
        self._log(status, id_)

    def _exceeds_deadline(self, seconds: float) -> bool:
        return self._deadline is not None and time.monotonic() + seconds >= self._deadline

    def _drop_stream_options(self, error: QwenError) -> bool:
        """Remove `stream_options` from the body, for a server that does not know it.

        See docs/quirks.md#servers-that-refuse-stream_options.
        """
        named = isinstance(error, InvalidRequestError) and "stream_options" in error.message
        body = self.body
        if not named or not isinstance(body, bytes) or b'"stream_options"' not in body:
            return False
        payload = orjson.loads(body)
        if payload.pop("stream_options", None) is None:
            return False
        self.body = orjson.dumps(payload)
        logger.warning(
            "Gateway %r refuses `stream_options`: this stream will tell no usage.",
            self._call.gateway.name,
        )
        return True

    def _log(self, outcome: object, id_: str | None) -> None:
        logger.debug(
            "gateway=%s model=%s outcome=%s request_id=%s attempts=%d seconds=%.3f",
            self._call.gateway.name,
            self._call.model,
            outcome,
            id_,
            self.count,
            time.monotonic() - self._started,
        )
