"""Usage requested in streams, and left out where a server refuses the field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import model_on, streamed
from loopback import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

NAMED_GATEWAYS = [
    "dashscope",
    "apiyi",
    "openrouter",
    "vercel",
    "aimlapi",
    "vllm",
    "sglang",
    "llamacpp",
    "ollama",
]


@pytest.mark.pain("P10")
@pytest.mark.parametrize("gateway", [*NAMED_GATEWAYS, "openai-compatible"])
def test_usage_is_requested_in_streams(gateway_server: Server, gateway: str) -> None:
    """A stream requests usage by default at every gateway."""
    server = gateway_server(gateway)
    message = streamed(model_on(server, "qwen3.6-27b"))
    assert server.bodies[0]["stream_options"] == {"include_usage": True}
    assert message.usage_metadata["total_tokens"] > 0


@pytest.mark.pain("P10")
def test_a_refused_stream_options_field_is_left_out_once(gateway_server: Server) -> None:
    """A stream whose `stream_options` is refused is requested once more without it."""
    server = gateway_server("openai-compatible")
    server.script(Refusal(400, "Unrecognized request argument supplied: stream_options"))
    assert streamed(model_on(server)).text
    assert ["stream_options" in body for body in server.bodies] == [True, False]
