"""Billed is what was sent: every attempt, a cancelled call, and no hit of LangChain's cache."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest
from langchain_core.caches import InMemoryCache

from langchain_qwen36 import ChatQwen36, QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.errors import StreamInterruptedError

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = (1000 * Decimal("0.5") + 500 * Decimal(3)) / 1_000_000
"""Of `USAGE` on qwen3.6-plus at dashscope-intl."""


def stream(text: str, *, whole: bool = True) -> httpx.Response:
    """Return a stream of one delta, which breaks off unless it is whole."""
    chunk = {"id": "c1", "choices": [{"index": 0, "delta": {"content": text}}]}
    events = [json.dumps(chunk)]
    if whole:
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        events += [json.dumps({"id": "c1", "choices": [end], "usage": USAGE}), "[DONE]"]
    body = "".join(f"data: {event}\n\n" for event in events)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)


def model(
    *responses: httpx.Response | Exception,
    name: str = "qwen3.6-plus",
    gateway: str = "dashscope-intl",
    **settings,
) -> ChatQwen36:
    """Return a model whose server gives these responses, or breaks like this, in order."""
    queue = list(responses)

    def answer(_request: httpx.Request) -> httpx.Response:
        if isinstance(response := queue.pop(0), Exception):
            raise response
        return response

    transport = httpx.MockTransport(answer)
    return ChatQwen36(
        model=name,
        gateway=gateway,
        api_key="k" * 20,
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
        **settings,
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("langchain_qwen36._transport.backoff.time.sleep", lambda seconds: None)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_attempt_that_was_cut_is_part_of_the_calls_cost(way):
    """A gateway bills what it wrote before the connection broke, and the retry on top."""
    handler = QwenCostCallbackHandler()
    chat = model(stream("word " * 2000, whole=False), stream("Hello."))
    config = {"callbacks": [handler]}
    if way == "invoke":
        chat.invoke("Hi", config)
    else:
        asyncio.run(chat.ainvoke("Hi", config))
    [record] = handler.runs
    assert (record.attempts, record.estimated, record.tokens.output > 2400) == (2, True, True)
    assert record.cost > COST + 2000 * Decimal(3) / 1_000_000


def test_the_message_lists_the_attempts_that_failed():
    """`response_metadata` names the error and the tokens of each attempt that may be billed."""
    message = model(stream("word " * 20, whole=False), stream("Hello.")).invoke("Hi")
    [attempt] = message.response_metadata["failed_attempts"]
    assert (attempt["error"], attempt["output_tokens"] >= 20) == ("StreamInterruptedError", True)


def test_a_call_that_fails_for_good_is_billed_for_each_attempt():
    """All three attempts were cut after they wrote something."""
    cut = [stream("word " * 1000, whole=False) for _ in range(3)]
    with get_qwen_cost_callback() as cb, pytest.raises(StreamInterruptedError):
        model(*cut, max_retries=2).invoke("Hi")
    [record] = cb.runs
    assert (record.attempts, record.ending, record.tokens.output >= 3000) == (3, "error", True)


def test_a_refused_attempt_costs_nothing():
    """Gateways do not bill a 429."""
    busy = httpx.Response(429, json={"error": {"message": "slow down"}})
    with get_qwen_cost_callback() as cb:
        model(busy, stream("Hello.")).invoke("Hi")
    assert (cb.total_cost, cb.runs[0].attempts, cb.runs[0].estimated) == (COST, 2, False)


def test_a_hit_of_langchains_cache_carries_no_cost():
    """The sum over messages is what was paid, and the first message keeps its own cost."""
    chat = model(stream("Hello."), cache=InMemoryCache())
    first, hit = chat.invoke("Hi"), chat.invoke("Hi")
    assert (first.response_metadata["cost"]["total"], hit.text) == (float(COST), "Hello.")
    assert "cost" not in hit.response_metadata
    assert "cost" not in chat.invoke("Hi").response_metadata


class Endless(httpx.AsyncByteStream):
    """A stream that never ends."""

    async def __aiter__(self):
        while True:
            chunk = {"id": "c1", "choices": [{"index": 0, "delta": {"content": "word "}}]}
            yield f"data: {json.dumps(chunk)}\n\n".encode()
            await asyncio.sleep(0.005)


def test_a_cancelled_ainvoke_is_booked_by_a_handler_of_the_model():
    """LangChain tells no handler of it, so the model does; no prompt is kept."""
    handler = QwenCostCallbackHandler(budget="1 USD")

    async def respond(request):
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Endless())

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    chat = ChatQwen36(
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        api_key="k" * 20,
        http_async_client=client,
        callbacks=[handler],
    )

    async def press_stop():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(chat.ainvoke("Hi"), 0.2)

    asyncio.run(press_stop())
    [record] = handler.runs
    assert (record.ending, record.tokens.output > 0) == ("cancelled", True)
    assert (handler._open, handler._ledger.balance.held) == ({}, {})


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "close"])
def test_an_async_on_record_is_awaited(way):
    """In sync calls, in async calls, and for calls that a block closes."""
    saved = []

    async def save(record):
        await asyncio.sleep(0)
        saved.append(record.ending)

    handler = QwenCostCallbackHandler(on_record=save)
    config = {"callbacks": [handler]}
    if way == "ainvoke":
        asyncio.run(model(stream("Hello.")).ainvoke("Hi", config))
    elif way == "invoke":
        model(stream("Hello.")).invoke("Hi", config)
    else:
        handler.on_chat_model_start({}, [[]], run_id=uuid4())
        handler.close_open_calls()
    assert saved == ["abandoned" if way == "close" else "ok"]


def test_a_block_in_an_async_generator_ends_in_whatever_task_closes_it():
    """Closing it from another context raises nothing, and later calls are not counted."""
    blocks = []

    async def numbers():
        with get_qwen_cost_callback(budget="1 USD") as cb:
            blocks.append(cb)
            yield 1

    async def main():
        generator = numbers()
        await anext(generator)
        await asyncio.create_task(generator.aclose())
        await model(stream("Hello.")).ainvoke("Hi")

    asyncio.run(main())
    assert blocks[0].calls == 0


def test_a_block_that_ended_leaves_the_block_around_it_counting():
    """The outer block still counts what is called in the context that the inner one left behind."""

    async def numbers():
        with get_qwen_cost_callback():
            yield 1

    async def main():
        with get_qwen_cost_callback() as outer:
            generator = numbers()
            await anext(generator)
            await asyncio.create_task(generator.aclose())
            await model(stream("Hello.")).ainvoke("Hi")
        return outer

    assert asyncio.run(main()).calls == 1


def test_a_call_with_a_request_of_unknown_cost_is_partial():
    """The gateway reported what the last request cost, and no list prices the one before."""
    timeout = httpx.ReadTimeout("nothing came")
    body = {
        "id": "c1",
        "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {**USAGE, "cost": 0.001},
    }
    chat = model(timeout, httpx.Response(200, json=body), gateway="openrouter", name="a/qwen-9")
    with get_qwen_cost_callback() as cb:
        chat.invoke("Hi")
    assert [attempt.cost for attempt in cb.runs[0].billed_attempts] == [None]
    assert (cb.total_cost, cb.unpriced_calls, cb.partial) == (Decimal("0.001"), 1, True)
