"""Pains P32, P48, P51 and P52 of the peers' users: silence, clients, quotas, broken streams."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from answers import chunk, text_chunks
from fault_calls import GOOD, text
from fault_server import FaultServer, stream
from loopback import Raw, Refusal
from pained import answer, model_on, streamed

from langchain_qwen36 import ChatQwen36, Timeouts
from langchain_qwen36._transport import no_waiting
from langchain_qwen36.errors import (
    GatewayTimeoutError,
    PaymentRequiredError,
    StreamInterruptedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fault_server import Wire
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

TWO_CHUNKS = [chunk({"content": "Hel"}), chunk({"content": "lo"})]


def test_p32_a_server_that_goes_silent_is_left() -> None:
    """After the gap between events, which comments do not reset; the connection is closed."""

    def silent(wire: Wire) -> None:
        for _ in range(20):
            wire.wait(0.05)
            wire.chunk(b": still here\n\n")

    with FaultServer(stream([text("Hel")], silent)) as server:
        where = {"base_url": server.url, "api_key": "no-real-key"}
        with pytest.raises(GatewayTimeoutError) as caught:
            streamed(ChatQwen36(timeout=Timeouts(gap=0.2), **where))
        assert (caught.value.clock, caught.value.partial.text) == ("gap", "Hel")
        assert server.wait_until_open(0) == 0


def test_p48_models_share_their_connections() -> None:
    """A hundred objects, each used once, need one connection, and none before the first call."""
    with FaultServer(GOOD) as server:
        models = [ChatQwen36(base_url=server.url, api_key="no-real-key") for _ in range(100)]
        assert server.connections == 0
        assert {streamed(model).text for model in models} == {"Hello"}
        assert (len(server.requests), server.connections) == (100, 1)


def test_p51_a_quota_that_is_used_up_is_not_waited_for(gateway_server: Server) -> None:
    """One request, and an error that says so."""
    server = gateway_server("openai-compatible")
    server.script(Refusal(429, "You exceeded your current quota.", "insufficient_quota"))
    with pytest.raises(PaymentRequiredError):
        model_on(server).invoke("Hi")
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", ["insufficient_quota", "limit_requests", "limit_burst_rate"])
def test_p51_a_rate_is_waited_for(gateway_server: Server, code: str) -> None:
    """At Alibaba even the code that means money elsewhere; as long as the server asks."""
    wait = (("retry-after-ms", "150"),)
    server = gateway_server("dashscope")
    server.script(Refusal(429, "Request rate increased too quickly.", code, headers=wait), answer())
    started = time.monotonic()
    assert model_on(server).invoke("Hi").text == "Hello"
    assert (len(server.requests), time.monotonic() - started >= 0.15) == (2, True)


def test_p52_invoke_begins_again_and_a_stream_does_not(gateway_server: Server) -> None:
    """After two chunks: the whole text once, or what came and a typed error, never twice."""
    cut, good = Raw(events=TWO_CHUNKS, end="cut"), Raw(events=text_chunks(["Hel", "lo"]))
    server = gateway_server("dashscope")
    server.script(cut, good, cut)
    with no_waiting():
        assert model_on(server).invoke("Hi").text == "Hello"
        pieces: list[Any] = []
        with pytest.raises(StreamInterruptedError) as caught:
            pieces.extend(model_on(server).stream("Hi"))
    assert (caught.value.partial.text, len(server.requests)) == ("Hello", 3)
