"""The cost on a message, by the gateway's own report and by the price list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from answers import chunk, completion, text_chunks
from builders import model_on
from loopback import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


def usage_object(prompt: int, completion_tokens: int, **more: Any) -> dict[str, Any]:
    """Return a usage object as servers send it."""
    total = prompt + completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion_tokens,
        "total_tokens": total,
        **more,
    }


@pytest.mark.pain("P28")
def test_the_gateways_reported_cost_is_kept_once(gateway_server: Server) -> None:
    """A cost reported in a chunk without choices wins over the price list and counts once."""
    last = chunk() | {"choices": [], "usage": usage_object(10, 5, cost=0.0123)}
    server = gateway_server("openrouter")
    server.script(Raw(events=[*text_chunks(["a"]), last]))
    chunks = list(model_on(server).stream("Hi"))
    costs = [c.response_metadata["cost"] for c in chunks if "cost" in c.response_metadata]
    assert [(cost["total"], cost["basis"], cost["reported"]) for cost in costs] == [
        (0.0123, "reported", 0.0123)
    ]


@pytest.mark.pain("P30")
def test_reasoning_tokens_are_part_of_the_output(gateway_server: Server) -> None:
    """An output of 100 tokens costs the same whether or not 70 of them are reasoning."""
    server = gateway_server("dashscope")
    details = {"completion_tokens_details": {"reasoning_tokens": 70}}
    for usage in (usage_object(10, 100), usage_object(10, 100, **details)):
        server.script(Raw(body=completion({"content": "a"}, usage=usage)))
    plain, reasoned = (model_on(server).invoke("Hi") for _ in range(2))
    assert reasoned.usage_metadata["output_tokens"] == 100
    assert reasoned.usage_metadata["output_token_details"] == {"reasoning": 70}
    costs = [message.response_metadata["cost"]["total"] for message in (plain, reasoned)]
    assert costs[0] == costs[1] > 0
