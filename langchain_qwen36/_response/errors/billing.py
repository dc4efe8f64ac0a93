"""Decide which failed requests a gateway may bill."""

from __future__ import annotations

from langchain_core.exceptions import ModelTimeoutError

from langchain_qwen36.errors import GatewayTimeoutError, StreamInterruptedError


def may_be_billed(error: BaseException) -> bool:
    """Return whether a request without any response may still be on the bill.

    Gateways do not bill a refusal or a failure before inference. A request that was accepted and
    then left alone runs on and is billed: `docs/quirks.md#what-a-failed-call-costs`.
    """
    if isinstance(error, GatewayTimeoutError):
        return error.clock not in ("connect", "pool")
    if isinstance(error, StreamInterruptedError | ModelTimeoutError | TimeoutError):
        return True
    return not isinstance(error, Exception)
