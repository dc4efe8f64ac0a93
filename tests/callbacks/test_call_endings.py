"""Every way for a call to end, and what each costs."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

import pytest
from fake_chat_model import MILLION, ONE, PROMPT, USAGE, FakeQwen
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableLambda

from langchain_qwen36 import tokens
from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.callbacks.response_summary import (
    ResponseSummary,
    summarize_messages,
    summarize_result,
)
from langchain_qwen36.errors import (
    GatewayConnectionError,
    GatewayTimeoutError,
    InvalidRequestError,
    RateLimitError,
    StreamInterruptedError,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"  # v3
)


def _break_stream(model):
    for _ in model.stream(PROMPT):
        break


def _close_stream(model):
    stream = model.stream(PROMPT)
    next(stream)
    stream.close()


async def _break_astream(model):
    stream = model.astream(PROMPT)
    await anext(stream)
    await stream.aclose()


async def _cancel_astream(model):
    stream = model.astream(PROMPT)
    await anext(stream)
    task = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _aclose_v3(model):
    stream = await model.astream_events(PROMPT, version="v3")
    async for _ in stream.text:
        break
    await stream.aclose()


async def _cancel_ainvoke(model, **kwargs):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(model.ainvoke(PROMPT, **kwargs), 0.05)


def _abandon_v3(model):
    next(iter(model.stream_events(PROMPT, version="v3").text))


@pytest.mark.parametrize(
    ("use", "ending", "seen"),
    [
        pytest.param(_break_stream, "abandoned", 1, id="stream-broken-off"),
        pytest.param(_close_stream, "abandoned", 1, id="stream-closed"),
        pytest.param(lambda m: asyncio.run(_break_astream(m)), "abandoned", 1, id="astream-closed"),
        pytest.param(
            lambda m: asyncio.run(_cancel_astream(m)), "cancelled", 1, id="astream-cancelled"
        ),
        pytest.param(_abandon_v3, "abandoned", 1, id="v3-dropped"),
        pytest.param(lambda m: asyncio.run(_aclose_v3(m)), "cancelled", 1, id="v3-aclosed"),
        pytest.param(
            lambda m: asyncio.run(_cancel_ainvoke(m)), "abandoned", 0, id="ainvoke-cancelled"
        ),
    ],
)
def test_a_cut_call_is_billed_by_what_was_seen_of_it(use, ending, seen):
    """Prompt and text so far are counted, priced, and marked as an estimate."""
    model = FakeQwen(hangs_after=seen)
    with get_qwen_cost_callback() as cb:
        use(model)

    (record,) = cb.runs
    written = tokens.count_text("".join(model.pieces[:seen]))
    read = tokens.count_messages([HumanMessage(PROMPT)])
    assert (ending, True, "list") == (record.ending, record.estimated, record.price_source)
    assert (read, written) == (record.tokens.input, record.tokens.output)
    assert Decimal("0.50") * read / MILLION + Decimal(3) * written / MILLION == record.cost
    assert (cb.aborted_calls, cb.estimated_calls) == (1, 1)


def test_a_cancelled_call_that_streamed_inside_counts_the_text_so_far():
    """Nobody is told of the end of a cancelled `ainvoke`, but its chunks were seen."""
    model = FakeQwen(hangs_after=1)
    with get_qwen_cost_callback() as cb:
        asyncio.run(_cancel_ainvoke(model, stream=True))

    assert tokens.count_text(model.pieces[0]) == cb.runs[0].tokens.output


def test_a_stream_closed_after_its_last_chunk_is_exact():
    """Its finish and usage had come; nothing needs to be guessed."""
    with get_qwen_cost_callback() as cb:
        for chunk in FakeQwen().stream(PROMPT):
            if chunk.usage_metadata:
                break

    (record,) = cb.runs
    assert (record.ending, record.estimated, record.cost) == ("abandoned", False, ONE)


async def _leave_v3(model):
    stream = await model.astream_events(PROMPT, version="v3")
    async for _ in stream.text:
        break
    await asyncio.sleep(0.2)


def test_a_left_v3_stream_runs_to_its_end_and_is_billed_whole():
    """Breaking out of an async v3 stream does not stop its producer."""
    with get_qwen_cost_callback() as cb:
        asyncio.run(_leave_v3(FakeQwen(pause=0.01)))

    assert [(record.ending, record.cost) for record in cb.runs] == [("ok", ONE)]


async def _leave_block_before_end(model):
    with get_qwen_cost_callback() as cb:
        stream = await model.astream_events(PROMPT, version="v3")
        async for _ in stream.text:
            break
    before = cb.runs
    await asyncio.sleep(0.2)
    return before, cb


def test_a_call_that_was_given_up_and_ends_after_all_is_booked_as_it_ended():
    """The real end replaces the estimate, and is not added to it."""
    before, cb = asyncio.run(_leave_block_before_end(FakeQwen(pause=0.01)))

    assert [record.ending for record in before] == ["abandoned"]
    assert [(record.ending, record.estimated) for record in cb.runs] == [("ok", False)]
    assert (cb.total_cost, cb._ledger.spent) == (ONE, {"USD": ONE})


PARTIAL = AIMessage(content="It is 18", usage_metadata=USAGE)
FINISHED = PARTIAL.model_copy(update={"response_metadata": {"finish_reason": "length"}})


@pytest.mark.parametrize(
    ("error", "source", "estimated", "counted"),
    [
        pytest.param(
            InvalidRequestError("no", status_code=400), "not_billed", False, (0, 0), id="refused"
        ),
        pytest.param(
            RateLimitError("slow", status_code=429), "not_billed", False, (0, 0), id="throttled"
        ),
        pytest.param(GatewayConnectionError("dns"), "not_billed", False, (0, 0), id="unreachable"),
        pytest.param(
            ValueError("your own hook"), "not_billed", False, (0, 0), id="before-it-was-sent"
        ),
        pytest.param(TimeoutError(), "list", True, (None, 0), id="timeout"),
        pytest.param(StreamInterruptedError("cut"), "list", True, (None, 0), id="cut-at-once"),
        pytest.param(
            StreamInterruptedError("cut", partial=AIMessage("It is 18")),
            "list",
            True,
            (None, tokens.count_text("It is 18")),
            id="cut-with-text",
        ),
        pytest.param(
            StreamInterruptedError("cut", partial=PARTIAL),
            "list",
            True,
            (1000, 100),
            id="cut-with-usage-so-far",
        ),
        pytest.param(
            StreamInterruptedError("cut", partial=FINISHED),
            "list",
            False,
            (1000, 100),
            id="finished-with-usage",
        ),
    ],
)
def test_a_failed_call_costs_what_may_be_billed(error, source, estimated, counted):
    """A refusal costs 0; what was accepted costs its last usage or an estimate."""
    prompt = tokens.count_messages([HumanMessage(PROMPT)])
    with get_qwen_cost_callback() as cb, pytest.raises(type(error)):
        FakeQwen(error=error).invoke(PROMPT)

    (record,) = cb.runs
    read = prompt if counted[0] is None else counted[0]
    assert ("error", source, estimated) == (record.ending, record.price_source, record.estimated)
    assert (read, counted[1]) == (record.tokens.input, record.tokens.output)
    assert Decimal("0.50") * read / MILLION + Decimal(3) * counted[1] / MILLION == record.cost
    assert (1, 0, type(error).__name__) == (cb.failed_calls, cb.unpriced_calls, record.error)


@pytest.mark.parametrize(
    ("clock", "source"),
    [
        pytest.param("connect", "not_billed", id="connect"),
        pytest.param("pool", "not_billed", id="pool"),
        pytest.param("first_event", "list", id="first-event"),
        pytest.param("gap", "list", id="gap"),
        pytest.param("total", "list", id="total"),
    ],
)
def test_a_timeout_costs_money_once_the_request_was_sent(clock, source):
    """Gateways run and bill a request that was left alone."""
    error = GatewayTimeoutError("late")
    error.clock = clock
    with get_qwen_cost_callback() as cb, pytest.raises(GatewayTimeoutError):
        FakeQwen(error=error).invoke(PROMPT)

    assert source == cb.runs[0].price_source


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda m: list(m.stream(PROMPT)), id="stream"),
        pytest.param(lambda m: m.invoke(PROMPT, stream=True), id="invoke-streams-inside"),
        pytest.param(lambda m: m.stream_events(PROMPT, version="v3").output, id="v3"),
    ],
)
def test_an_error_within_a_stream_bills_the_text_before_it(use):
    """The chunks were seen even where the error event carries none."""
    model = FakeQwen(error=ConnectionError("reset"), fails_after=2)
    with get_qwen_cost_callback() as cb, pytest.raises(ConnectionError):
        use(model)

    (record,) = cb.runs
    assert (record.ending, record.estimated) == ("error", True)
    assert tokens.count_text("".join(model.pieces[:2])) == record.tokens.output


def test_a_sync_batch_that_fails_later_keeps_its_first_call():
    """LangChain never tells of the end of the items before the failing one."""
    cb = QwenCostCallbackHandler()
    with pytest.raises(RateLimitError):
        _FailsSecond().generate([[HumanMessage(PROMPT)], [HumanMessage("fail")]], callbacks=[cb])
    cb.close_open_calls()

    assert [record.ending for record in cb.runs] == ["error", "abandoned"]
    assert cb.total_cost > 0


class _FailsSecond(FakeQwen):
    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if messages[0].content == "fail":
            raise RateLimitError("slow", status_code=429)
        return super()._generate(messages, stop, run_manager, **kwargs)

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        return self._generate(messages, stop, run_manager, **kwargs)


def test_an_async_batch_that_fails_later_keeps_its_first_call_exactly():
    """In async code the other items are told of."""
    cb = QwenCostCallbackHandler()
    batch = [[HumanMessage(PROMPT)], [HumanMessage("fail")]]
    with pytest.raises(RateLimitError):
        asyncio.run(_FailsSecond().agenerate(batch, callbacks=[cb]))

    assert {"error": Decimal(0), "ok": ONE} == {r.ending: r.cost for r in cb.runs}


def test_a_call_left_open_is_booked_when_the_chain_around_it_is_cancelled():
    """No need to wait for the manager to exit: the chain's end is told."""
    handler = QwenCostCallbackHandler()
    model = FakeQwen(hangs_after=0).with_config(callbacks=[handler])
    chain = RunnableLambda(lambda text: text) | model
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(chain.ainvoke(PROMPT, {"callbacks": [handler]}), 0.05))

    assert [(r.ending, r.estimated) for r in handler.runs] == [("cancelled", True)]


def test_an_answer_without_usage_is_estimated():
    """Some servers count nothing; the call is not free for that."""
    with get_qwen_cost_callback() as cb:
        answer = FakeQwen(usage=None).invoke(PROMPT)

    (record,) = cb.runs
    assert (record.ending, record.estimated, record.price_source) == ("ok", True, "list")
    assert tokens.count_text(answer.text) == record.tokens.output


def _start(handler, run_id, parent=None, **params):
    handler.on_chat_model_start(
        {},
        [[HumanMessage(PROMPT)]],
        run_id=run_id,
        parent_run_id=parent,
        metadata={"ls_model_name": "qwen3.6-plus"},
        invocation_params={"gateway": "dashscope-intl", **params},
    )


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        pytest.param(ValueError("a sibling failed"), "abandoned", id="error"),
        pytest.param(asyncio.CancelledError(), "cancelled", id="cancelled"),
        pytest.param(KeyboardInterrupt(), "cancelled", id="interrupted"),
        pytest.param(GeneratorExit(), "abandoned", id="closed"),
    ],
)
def test_how_a_chain_ended_says_how_its_open_call_did(error, ending):
    """The call did not fail itself, or it would have said so."""
    handler, chain = QwenCostCallbackHandler(), uuid4()
    handler.on_chain_start({}, {}, run_id=chain)
    _start(handler, uuid4(), chain)
    handler.on_chain_error(error, run_id=chain)

    assert [record.ending for record in handler.runs] == [ending]


def test_open_calls_are_closed_once():
    """Asking again neither books nor tells of them again."""
    told = []
    with get_qwen_cost_callback(on_record=told.append) as cb:
        asyncio.run(_cancel_ainvoke(FakeQwen(hangs_after=1), stream=True))
    cb.close_open_calls()

    assert list(cb.runs) == told


def test_a_late_end_without_usage_keeps_the_count_of_the_prompt():
    """The prompt itself was let go when the call was given up."""
    handler, run_id = QwenCostCallbackHandler(), uuid4()
    _start(handler, run_id)
    handler.close_open_calls()
    answer = ChatGeneration(message=AIMessage("It is 18"))
    handler.on_llm_end(LLMResult(generations=[[answer]]), run_id=run_id)

    (record,) = handler.runs
    assert record.tokens.input == tokens.count_messages([HumanMessage(PROMPT)])
    assert record.tokens.output == tokens.count_text("It is 18")


def test_tools_belong_to_the_prompt():
    """They are sent and billed with it."""
    handler = QwenCostCallbackHandler()
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    _start(handler, uuid4())
    _start(handler, uuid4(), tools=[tool])
    handler.close_open_calls()

    plain, armed = (record.tokens.input for record in handler.runs)
    assert armed - plain > 100


CALL = {"name": "weather", "args": {"city": "Paris"}, "id": "1"}
PIECE = {"name": "weather", "args": '{"city"', "id": "1", "index": 0}


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        pytest.param([AIMessage("It is 18")], "It is 18", id="text"),
        pytest.param(
            [AIMessage("18", additional_kwargs={"reasoning_content": "Hm. "})],
            "Hm. 18",
            id="thoughts",
        ),
        pytest.param(
            [
                AIMessage(
                    [{"type": "reasoning", "reasoning": "Hm. "}, {"type": "text", "text": "18"}],
                    additional_kwargs={"reasoning_content": "Hm. "},
                )
            ],
            "Hm. 18",
            id="thoughts-said-twice",
        ),
        pytest.param(
            [AIMessage([{"type": "reasoning", "reasoning": "Hm."}])], "Hm.", id="thought-block"
        ),
        pytest.param([AIMessage("", tool_calls=[CALL])], "weather{'city': 'Paris'}", id="call"),
        pytest.param(
            [AIMessageChunk("", tool_call_chunks=[PIECE]), AIMessageChunk("!")],
            'weather{"city"!',
            id="chunks-of-a-call",
        ),
        pytest.param([ChatMessage("Hi", role="critic")], "Hi", id="another-role"),
    ],
)
def test_all_that_was_written_is_counted(messages, text):
    """Thoughts and calls are billed as output, each once."""
    assert summarize_messages(messages).text == text


def test_the_last_usage_of_a_cut_stream_is_kept():
    """A later chunk without usage does not take it away."""
    chunks = [AIMessageChunk("a", usage_metadata=USAGE), AIMessageChunk("b")]

    assert summarize_messages(chunks).usage == USAGE


def test_a_call_that_ended_without_an_answer_is_seen_as_nothing():
    """Another package's model may end so; neither a text nor a usage is made up for it."""
    assert summarize_result(LLMResult(generations=[[]])) == ResponseSummary("", None, {})
