"""A call, its attempts, and an answer in one piece."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36._content.source import sayable
from langchain_qwen36._request.types import Meta
from langchain_qwen36._response.errors import error_from, error_in, head, request_id
from langchain_qwen36._transport import http as _http
from langchain_qwen36._transport.backoff import asleep, delay, sleep
from langchain_qwen36._transport.http import Clock, Reply, Target, Timeouts
from langchain_qwen36._transport.http.exceptions import address
from langchain_qwen36.errors import (
    GatewayConnectionError,
    InvalidRequestError,
    QwenError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_qwen36.gateways import Gateway

logger = logging.getLogger(__name__)

_REFUSED = 300
"""Statuses from here on are errors; redirects that may be followed were."""
_LEAST_SECRET = 8
"""Characters; what is shorter is no key, and blotting it out would spoil messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Everything that one model call sends, and how long and how often it tries."""

    target: Target
    body: bytes
    """JSON."""
    gateway: Gateway
    model: str
    """For the log."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_retries: int = 2
    max_event_bytes: int | None = None
    """Of a stream; None is no limit."""
    check: Callable[[], None] | None = None
    """Asked when a connection fails; raises where the server is known to be dead."""

    def without_key(self, data: bytes) -> bytes:
        """Blot the key out of what a gateway sent: some quote it in their errors."""
        for name, value in self.target.headers.items():
            if name.lower() in {"authorization", "api-key", "x-api-key"}:
                key = value.rpartition(" ")[2].encode()
                if len(key) >= _LEAST_SECRET:
                    data = data.replace(key, b"[key]")
        return data

    def payload_without_key(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The same for a payload; it costs a round trip through JSON, so only errors get it."""
        clean: dict[str, Any] = orjson.loads(self.without_key(orjson.dumps(payload)))
        return clean


class Attempts:
    """The attempts of one call: counted, timed, and logged in one line."""

    def __init__(self, call: Call) -> None:
        self.body = call.body
        self.count = 0
        self._call = call
        self._started = time.monotonic()
        self._deadline = call.timeouts.deadline()

    def next(self) -> Clock:
        """Begin one."""
        self.count += 1
        return Clock(self._call.timeouts, self._deadline)

    def wait_after(self, error: QwenError, *, handed_out: bool = False) -> float:
        """Seconds until the next attempt.

        Args:
            error: Why the last one failed.
            handed_out: The caller has seen a part of the answer, which must not come twice.

        Raises:
            QwenError: this error, when it is final.
        """
        if self._call.check is not None and isinstance(error, GatewayConnectionError):
            self._call.check()
        if not handed_out and self._without_stream_options(error):
            return 0.0
        seconds = None if handed_out else delay(error, self.count, self._call.max_retries)
        if seconds is None or self._too_late(seconds):
            error.attempts = self.count
            error.gateway = self._call.gateway.name
            self._log(error.status_code or type(error).__name__, error.request_id)
            raise error
        return seconds

    def succeeded(self, status: int, id_: str | None) -> None:
        """The answer is there, whole."""
        self._log(status, id_)

    def _too_late(self, seconds: float) -> bool:
        return self._deadline is not None and time.monotonic() + seconds >= self._deadline

    def _without_stream_options(self, error: QwenError) -> bool:
        """A server that does not know the field is asked again without it (P10)."""
        named = isinstance(error, InvalidRequestError) and "stream_options" in error.message
        if not named or b'"stream_options"' not in self.body:
            return False
        body = orjson.loads(self.body)
        if body.pop("stream_options", None) is None:
            return False
        self.body = orjson.dumps(body)
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


def post(call: Call) -> tuple[dict[str, Any], Meta]:
    """Make a call whose answer comes in one piece.

    Returns:
        The completion as JSON, and what the transport knows of it.

    Raises:
        QwenError: what the gateway refused, or how the way there failed.
    """
    attempts = Attempts(call)
    while True:
        try:
            reply = _http.post(call.target, attempts.body, attempts.next())
            return _read(call, attempts, reply)
        except QwenError as error:
            sleep(attempts.wait_after(error))


async def apost(call: Call) -> tuple[dict[str, Any], Meta]:
    """`post`, async."""
    attempts = Attempts(call)
    while True:
        try:
            reply = await _http.apost(call.target, attempts.body, attempts.next())
            return _read(call, attempts, reply)
        except QwenError as error:
            await asleep(attempts.wait_after(error))


def _read(call: Call, attempts: Attempts, reply: Reply) -> tuple[dict[str, Any], Meta]:
    payload = completion(call, reply)
    id_ = request_id(reply.headers, payload)
    attempts.succeeded(reply.status, id_)
    return payload, Meta(request_id=id_, headers=reply.headers, attempts=attempts.count)


def completion(call: Call, reply: Reply) -> dict[str, Any]:
    """Read a whole answer.

    Raises:
        QwenError: it is an error, by its status or within an HTTP 200, or no completion.
    """
    if reply.status >= _REFUSED:
        content = call.without_key(reply.content)
        raise error_from(reply.status, reply.headers, content, gateway=call.gateway)
    try:
        payload = loads(reply.content)
    except ValueError:
        raise _no_completion(call, reply) from None
    if not isinstance(payload, dict):
        raise _no_completion(call, reply)
    if error := refusal(call, payload, reply.headers):
        raise error
    if not isinstance(payload.get("choices"), list) or not payload["choices"]:
        raise _no_completion(call, reply)
    return payload


def refusal(
    call: Call, payload: Mapping[str, Any], headers: Mapping[str, str], *, certain: bool = False
) -> QwenError | None:
    """Read the error in a payload of an HTTP 200, if there is one, without the key."""
    error = error_in(payload, gateway=call.gateway, headers=headers, certain=certain)
    if error is None:
        return None
    clean = call.payload_without_key(payload)
    return error_in(clean, gateway=call.gateway, headers=headers, certain=certain)


def loads(data: bytes) -> Any:
    """Parse JSON as servers write it: bytes that are no UTF-8 or half an emoji are replaced (F32).

    A BOM, NaN and raw control characters in strings are read, too.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode("utf-8-sig", "replace")
    try:
        return _sayable(json.loads(text, strict=False))
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def _sayable(value: Any) -> Any:
    """The value without lone surrogates, which nothing could write out again."""
    if isinstance(value, str):
        return sayable(value)
    if isinstance(value, list):
        return [_sayable(item) for item in value]
    if isinstance(value, dict):
        return {sayable(key): _sayable(item) for key, item in value.items()}
    return value


def _no_completion(call: Call, reply: Reply) -> UnexpectedResponseError:
    """An answer of another kind is another kind of server; one that is cut may come whole."""
    text = head(call.without_key(reply.content).decode("utf-8", "replace"))
    is_other = text.startswith("<") or (text.startswith("{") and text.endswith("}"))
    return UnexpectedResponseError(
        f"{address(call.target.url)} answered with no chat completion, but with "
        f"{text or 'nothing'!r}. Check `base_url=`.",
        status_code=reply.status,
        request_id=request_id(reply.headers),
        body=text,
        is_retryable=not is_other,
    )
