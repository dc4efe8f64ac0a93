"""A call that takes several requests: each is reserved before it is sent, and booked as one."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import httpx
import pytest
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36, QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.errors import BudgetExceededError, StreamInterruptedError
from langchain_qwen36.spend import Limit

pytestmark = pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = Decimal("0.002")
"""Of `USAGE` on qwen3.6-plus at dashscope-intl."""
WORDS = "word " * 2000
CUT = 2000 * Decimal(3) / 1_000_000
"""Less than what the words of a cut request cost."""


def response(text: str, *, whole: bool = True) -> httpx.Response:
    """Return a stream of one delta, which breaks off unless it is whole."""
    delta = {"content": text} if text else {}
    events = [json.dumps({"id": "c1", "choices": [{"index": 0, "delta": delta}]})]
    if whole:
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        events += [json.dumps({"id": "c1", "choices": [end], "usage": USAGE}), "[DONE]"]
    body = "".join(f"data: {event}\n\n" for event in events)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)


class Server:
    """Gives responses in their order, and counts requests."""

    def __init__(self, *responses: httpx.Response) -> None:
        self.requests: list[httpx.Request] = []
        self._responses = list(responses)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        return self._responses.pop(0)

    def model(self, **settings) -> ChatQwen36:
        """Return a model that calls this server."""
        transport = httpx.MockTransport(self)
        return ChatQwen36(
            model="qwen3.6-plus",
            gateway="dashscope-intl",
            api_key="k" * 20,
            http_client=httpx.Client(transport=transport),
            http_async_client=httpx.AsyncClient(transport=transport),
            **settings,
        )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("langchain_qwen36._transport.backoff.time.sleep", lambda seconds: None)


@pytest.fixture
def ledger(open_ledger, tmp_path):
    """Return a ledger on SQLite."""
    return open_ledger(f"sqlite:///{tmp_path}/spend.db")


def call(model: ChatQwen36, way: str, handler: QwenCostCallbackHandler) -> None:
    """Make a call in one of the ways that LangChain has."""
    config = {"callbacks": [handler]}

    async def stream() -> None:
        async for _ in model.astream("Hi", config):
            pass

    match way:
        case "invoke":
            model.invoke("Hi", config)
        case "ainvoke":
            asyncio.run(model.ainvoke("Hi", config))
        case "stream":
            list(model.stream("Hi", config))
        case "astream":
            asyncio.run(stream())


def rows_of(ledger) -> list[tuple[int, str, str]]:
    """Return attempt, state and error of each request that the ledger has."""
    calls = json.loads(ledger.export("json"))["calls"]
    return [(c["attempt"], c["state"], c["error"]) for c in calls]


INVOKING = pytest.mark.parametrize("way", ["invoke", "ainvoke"])
EVERY_WAY = pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])


@INVOKING
def test_each_request_is_a_row_and_the_call_is_their_sum(ledger, way):
    """A cut request and its retry are two rows; the report counts one call and both costs."""
    server, handler = Server(response(WORDS, whole=False), response("Hi.")), None
    handler = QwenCostCallbackHandler(ledger=ledger)
    call(server.model(), way, handler)
    ledger.flush()
    assert rows_of(ledger) == [(1, "settled", "StreamInterruptedError"), (2, "settled", "")]
    [record], costs = handler.runs, [c["cost"] for c in json.loads(ledger.export("json"))["calls"]]
    assert (sum(map(Decimal, costs)), Decimal(costs[1])) == (record.cost, COST)
    assert [attempt.cost for attempt in record.billed_attempts] == [Decimal(costs[0])]
    [total] = ledger._read("rollup_by", (), "0000", "9999")
    assert (total["calls"], total["cost"]) == (1, int(record.cost * 10**12))


@EVERY_WAY
def test_a_request_that_was_cut_before_it_said_anything_is_reserved_again(ledger, way):
    """In every way to call, the second request holds what it may cost while it runs."""
    held = []

    def respond(request: httpx.Request) -> httpx.Response:
        held.append(str(ledger.balances()[0].held))
        return server(request)

    ledger.set_budget(Limit("all", "1 USD"))
    server = Server(response("", whole=False), response("Hi."))
    model = server.model()
    transport = httpx.MockTransport(respond)
    model = model.model_copy(
        update={
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }
    )
    call(model, way, QwenCostCallbackHandler(ledger=ledger, reserve="0.25 USD"))
    assert held == ["0.25 USD", "0.25 USD"]
    assert [row[:2] for row in rows_of(ledger)] == [(1, "settled"), (2, "settled")]
    assert ledger.balances()[0].held.amount == 0


@pytest.mark.parametrize("book", ["memory", "ledger"])
@INVOKING
def test_a_retry_that_does_not_fit_is_not_sent(ledger, book, way):
    """A budget for one request refuses the second one, and books the first."""
    server = Server(response(WORDS, whole=False), response("Hi."))
    kept = {"budget": "0.007 USD"}
    if book == "ledger":
        kept = {"ledger": ledger, "limits": [Limit("all", "0.007 USD")]}
    handler = QwenCostCallbackHandler(reserve="0.005 USD", **kept)
    with pytest.raises(BudgetExceededError) as refused:
        call(server.model(), way, handler)
    assert isinstance(refused.value.__cause__, StreamInterruptedError)
    [record] = handler.runs
    assert (len(server.requests), record.ending) == (1, "error")
    assert CUT < record.cost < 2 * CUT
    if book == "ledger":
        [balance] = ledger.balances()
        assert (balance.spent.amount, balance.held.amount) == (record.cost, 0)
        assert rows_of(ledger) == [(1, "settled", "StreamInterruptedError")]
    else:
        assert handler._ledger.balance.spent == {"USD": record.cost}
        assert handler._ledger.balance.held == {}


@pytest.mark.parametrize("book", ["memory", "ledger"])
def test_a_call_that_is_cancelled_in_its_second_request_is_billed_for_both(ledger, book):
    """The first request is part of the call's cost, though no error carries it."""
    reached = asyncio.Event()

    async def respond(request: httpx.Request) -> httpx.Response:
        if reached.is_set():
            raise AssertionError
        if not responses:
            reached.set()
            await asyncio.Event().wait()
        return responses.pop()

    responses = [response(WORDS, whole=False)]
    kept = {"ledger": ledger} if book == "ledger" else {"budget": "1 USD"}
    handler = QwenCostCallbackHandler(**kept)
    model = ChatQwen36(
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        api_key="k" * 20,
        http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(respond)),
    )

    async def press_stop() -> None:
        run = asyncio.create_task(model.ainvoke("Hi", {"callbacks": [handler]}))
        await reached.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(press_stop())
    [record] = handler.runs
    assert (record.ending, CUT < record.cost < 2 * CUT) == ("cancelled", True)
    assert [attempt.error for attempt in record.billed_attempts] == ["StreamInterruptedError"]
    if book == "ledger":
        ledger.flush()
        costs = [Decimal(c["cost"]) for c in json.loads(ledger.export("json"))["calls"]]
        assert (len(costs), sum(costs)) == (2, record.cost)
    else:
        assert handler._ledger.balance.spent == {"USD": record.cost}


class Answer(BaseModel):
    """What is asked for."""

    text: str


FORCED = {"tool_choice": "any", "enable_thinking": True}


def forced_model(gateway) -> object:
    """Return a model whose forced tools go out as "auto", so that it is asked twice."""
    model = ChatQwen36(
        model="qwen3.6-plus", gateway="dashscope", base_url=gateway.base_url, api_key=gateway.key
    )
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}}
    return model.bind_tools([Answer, other], **FORCED)


@INVOKING
def test_a_call_that_asks_twice_reserves_and_books_both(gateway_server, ledger, way):
    """Where a forced tool was not called, the second request is a row of its own."""
    gateway = gateway_server("dashscope")
    handler = QwenCostCallbackHandler(ledger=ledger)
    call(forced_model(gateway), way, handler)
    [record] = handler.runs
    assert len(gateway.requests) == 2
    ledger.flush()
    calls = json.loads(ledger.export("json"))["calls"]
    assert [c["attempt"] for c in calls] == [1, 2]
    assert sum(Decimal(c["cost"]) for c in calls) == record.cost
    assert sum(c["input_tokens"] for c in calls) == record.tokens.input


@INVOKING
def test_a_second_question_that_does_not_fit_is_not_sent(gateway_server, way):
    """The first answer is paid and booked; the second request is refused."""
    gateway = gateway_server("dashscope")
    with get_qwen_cost_callback(budget="1 CNY", reserve="0.9999 CNY") as cb:
        handler = QwenCostCallbackHandler()
        with pytest.raises(BudgetExceededError):
            call(forced_model(gateway), way, handler)
    assert len(gateway.requests) == 1
    assert cb.total_cost == handler.total_cost > 0
    assert cb._ledger.balance.spent == {"CNY": cb.total_cost}
