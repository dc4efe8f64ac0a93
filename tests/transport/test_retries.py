"""Which failures of a model's call are retried, and which are raised at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from answers import chunk, text_chunks
from builders import answer, model_on
from loopback import Raw, Refusal

from langchain_qwen36._transport import no_waiting
from langchain_qwen36.errors import PaymentRequiredError, StreamInterruptedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


@pytest.mark.pain("P51")
def test_a_used_up_quota_is_not_retried(gateway_server: Server) -> None:
    """A used-up quota raises a payment error after one request."""
    server = gateway_server("openai-compatible")
    server.script(Refusal(429, "You exceeded your current quota.", "insufficient_quota"))
    with pytest.raises(PaymentRequiredError):
        model_on(server).invoke("Hi")
    assert len(server.requests) == 1


@pytest.mark.pain("P51")
@pytest.mark.parametrize("code", ["insufficient_quota", "limit_requests", "limit_burst_rate"])
def test_a_rate_limit_is_retried_after_the_servers_delay(gateway_server: Server, code: str) -> None:
    """A rate limit, at DashScope also `insufficient_quota`, is retried after the server's delay."""
    wait = (("retry-after-ms", "150"),)
    server = gateway_server("dashscope")
    server.script(Refusal(429, "Request rate increased too quickly.", code, headers=wait), answer())
    started = time.monotonic()
    assert model_on(server).invoke("Hi").text == "Hello"
    assert (len(server.requests), time.monotonic() - started >= 0.15) == (2, True)


TWO_CHUNKS = [chunk({"content": "Hel"}), chunk({"content": "lo"})]


@pytest.mark.pain("P52")
def test_invoke_retries_a_cut_stream_and_stream_does_not(gateway_server: Server) -> None:
    """After two chunks, invoke returns the whole text once; stream raises with the partial text."""
    cut, good = Raw(events=TWO_CHUNKS, end="cut"), Raw(events=text_chunks(["Hel", "lo"]))
    server = gateway_server("dashscope")
    server.script(cut, good, cut)
    with no_waiting():
        assert model_on(server).invoke("Hi").text == "Hello"
        pieces: list[Any] = []
        with pytest.raises(StreamInterruptedError) as caught:
            pieces.extend(model_on(server).stream("Hi"))
    assert (caught.value.partial.text, len(server.requests)) == ("Hello", 3)
