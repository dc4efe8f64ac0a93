"""Langfuse's own handler counts our calls as it counts those of ChatOpenAI, and gets their cost."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_openai import ChatOpenAI
from loopback import Raw

from langchain_qwen36 import ChatQwen36

pytest.importorskip("langfuse", reason="langfuse is not installed")

from langfuse import Langfuse
from langfuse.langchain import CallbackHandler
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Callable

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 500,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 100},
}
BODY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "qwen3.6-plus",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello."},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}


@pytest.fixture(scope="module")
def spans() -> Any:
    """Langfuse's client, which exports to memory and sends nothing."""
    exporter = InMemorySpanExporter()
    client = Langfuse(
        public_key="pk-lf-test",
        secret_key="sk-lf-test",
        base_url="http://127.0.0.1:9",
        tracer_provider=TracerProvider(),
        span_exporter=exporter,
    )

    def collect(call: Callable[[CallbackHandler], object]) -> dict[str, Any]:
        exporter.clear()
        call(CallbackHandler(public_key="pk-lf-test"))
        client.flush()
        [span] = exporter.get_finished_spans()
        return dict(span.attributes or {})

    return collect


def details(attributes: dict[str, Any], kind: str) -> Any:
    """Return a JSON attribute of a Langfuse span."""
    return json.loads(attributes.get(f"langfuse.observation.{kind}_details", "null"))


def test_usage_is_counted_as_for_chat_openai(gateway_server: Any, spans: Any) -> None:
    """Input, output, cached and reasoning tokens are the same numbers under the same names."""
    server = gateway_server("dashscope-intl")
    server.script(Raw(body=BODY, headers={"content-type": "application/json"}), Raw(body=BODY))
    where = {"model": "qwen3.6-plus", "base_url": server.base_url, "api_key": server.key}
    ours = spans(
        lambda handler: ChatQwen36(gateway="dashscope-intl", **where).invoke(
            "Hi", {"callbacks": [handler]}
        )
    )
    theirs = spans(lambda handler: ChatOpenAI(**where).invoke("Hi", {"callbacks": [handler]}))
    assert details(ours, "usage") == details(theirs, "usage")
    assert details(ours, "usage")["input"] == 600


def _stream(model: ChatQwen36, config: Any) -> Any:
    whole = None
    for chunk in model.stream("Hi", config):
        whole = chunk if whole is None else whole + chunk
    return whole


WAYS = {
    "invoke": lambda model, config: model.invoke("Hi", config),
    "ainvoke": lambda model, config: asyncio.run(model.ainvoke("Hi", config)),
    "stream": _stream,
}
"""In `astream` their handler is run in a thread, and reads no cost from a result (5.0.4:
`langfuse/langchain/CallbackHandler.py`, `on_llm_end`)."""


@pytest.mark.parametrize("way", WAYS)
def test_the_span_has_the_cost(gateway_server: Any, spans: Any, way: str) -> None:
    """In dollars, split into input and output; Langfuse need not know the model's price."""
    server = gateway_server("dashscope-intl")
    if way != "stream":
        server.script(Raw(body=BODY, headers={"content-type": "application/json"}))
    model = ChatQwen36(
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        base_url=server.base_url,
        api_key=server.key,
    )
    messages: list[Any] = []

    def call(handler: CallbackHandler) -> None:
        messages.append(WAYS[way](model, {"callbacks": [handler]}))

    costs = details(spans(call), "cost")
    cost = messages[0].response_metadata["cost"]
    assert costs == {
        "input": pytest.approx(cost["input"] + cost["cache_read"]),
        "output": cost["output"],
        "total": cost["total"],
    }


def test_streams_at_once_have_each_its_own_cost(gateway_server: Any) -> None:
    """Of two streams that are read by turns, each span gets the cost of its own answer."""
    server, exporter = gateway_server("dashscope-intl"), InMemorySpanExporter()
    client = Langfuse(
        public_key="pk-lf-turns",
        secret_key="sk-lf-test",
        base_url="http://127.0.0.1:9",
        tracer_provider=TracerProvider(),
        span_exporter=exporter,
    )
    where = {"gateway": "dashscope-intl", "base_url": server.base_url, "api_key": server.key}
    model = ChatQwen36(model="qwen3.6-plus", **where)
    handler = CallbackHandler(public_key="pk-lf-turns")
    streams = [model.stream("Hi " * n, {"callbacks": [handler]}) for n in (1, 500)]
    answers = [next(stream) for stream in streams]
    for number in (1, 0):
        for chunk in streams[number]:
            answers[number] += chunk
    client.flush()
    totals = [details(dict(s.attributes), "cost")["total"] for s in exporter.get_finished_spans()]
    assert sorted(totals) == sorted(a.response_metadata["cost"]["total"] for a in answers)
    assert totals[0] != totals[1]
