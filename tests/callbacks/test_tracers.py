"""What LangSmith is told of a call, read from what its client posts to a real socket."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from fake_chat_model import PROMPT, USAGE, FakeQwen
from langchain_core.callbacks import CallbackManagerForLLMRun, get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer
from langsmith_server import LangSmith

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.callbacks.tracers import expose_costs

COSTS = {"input_cost": 0.0005, "output_cost": 0.0003, "total_cost": 0.0008}


@pytest.fixture
def langsmith(monkeypatch):
    """Make a call and return the model's run that was posted."""
    monkeypatch.setenv("LANGSMITH_DISABLE_RUN_COMPRESSION", "true")
    with LangSmith() as server:
        yield server.traced


def _stream_all(model):
    return lambda: list(model.stream(PROMPT))


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda model: lambda: model.invoke(PROMPT), id="invoke"),
        pytest.param(_stream_all, id="stream"),
    ],
)
def test_a_trace_holds_usage_and_the_whole_bill(langsmith, use):
    """By default tokens stand where LangSmith reads them and the bill on the message."""
    run = langsmith(use(FakeQwen()))

    message = run["outputs"]["generations"][0][0]["message"]["kwargs"]
    assert run["extra"]["metadata"]["usage_metadata"] == USAGE
    assert run["extra"]["metadata"]["ls_model_name"] == "qwen3.6-plus"
    assert message["response_metadata"]["cost"]["total"] == 0.0008
    assert message["response_metadata"]["cost"]["tier"] == "≤256K"


def test_a_model_may_write_costs_into_a_whole_messages_usage(langsmith):
    """Three floats in `usage_metadata` reach the place LangSmith takes costs from."""
    run = langsmith(lambda: FakeQwen(trace_costs=True).invoke(PROMPT))

    assert run["extra"]["metadata"]["usage_metadata"] == {**USAGE, **COSTS}


def test_a_model_must_not_write_costs_into_a_chunks_usage():
    """LangChain merges a stream's chunks with integers only: the user's loop would raise."""
    with pytest.raises(ValueError, match="Only dict and int"):
        list(FakeQwen(trace_costs=True).stream(PROMPT))


CALLS = [
    pytest.param(lambda model, config: model.invoke(PROMPT, config), id="invoke"),
    pytest.param(lambda model, config: list(model.stream(PROMPT, config)), id="stream"),
    pytest.param(
        lambda model, config: (RunnableLambda(str) | model).invoke(PROMPT, config), id="chain"
    ),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_handler_in_the_outermost_config_shows_langsmith_the_cost(langsmith, call):
    """Streams and chains included, and no message of the caller's is touched."""
    handler = QwenCostCallbackHandler(trace_costs=True)
    answers = []
    run = langsmith(lambda: answers.append(call(FakeQwen(), {"callbacks": [handler]})))

    assert run["extra"]["metadata"]["usage_metadata"] == {**USAGE, **COSTS}
    last = answers[0][-1] if isinstance(answers[0], list) else answers[0]
    assert "total_cost" not in (last.usage_metadata or {})


@pytest.mark.parametrize(
    ("model", "costs"),
    [
        pytest.param(
            FakeQwen(gateway="openrouter", reported="0.0123"), {"total_cost": 0.0123}, id="reported"
        ),
        pytest.param(FakeQwen(gateway="dashscope"), {}, id="other-currency"),
        pytest.param(FakeQwen(model_name="gpt-9"), {}, id="unknown-price"),
    ],
)
def test_langsmith_is_told_dollars_that_are_known(langsmith, model, costs):
    """A reported bill has no parts; yuan and unknown prices are left out."""
    config = {"callbacks": [QwenCostCallbackHandler(trace_costs=True)]}
    run = langsmith(lambda: model.invoke(PROMPT, config))

    assert run["extra"]["metadata"]["usage_metadata"] == {**USAGE, **costs}


def test_our_handler_is_right_where_costs_are_traced(langsmith):
    """The floats that break LangChain's own sums are not read by ours."""
    model = FakeQwen(trace_costs=True)
    with get_qwen_cost_callback() as cb:
        langsmith(lambda: model.batch([PROMPT] * 3))

    assert (cb.calls, str(cb.total_cost), cb.cached_calls) == (3, "0.0024", 0)


async def _ainvoke(model, config):
    return await model.ainvoke(PROMPT, config)


async def _astream_events(model, config):
    stream = await model.astream_events(PROMPT, config, version="v3")
    async with stream:
        return await stream.output


WAYS = [
    pytest.param(lambda model, config: model.invoke(PROMPT, config), id="invoke"),
    pytest.param(
        lambda model, config: model.stream_events(PROMPT, config, version="v3").output, id="v3"
    ),
    pytest.param(lambda model, config: model.batch([PROMPT], config)[0], id="batch"),
    pytest.param(
        lambda model, config: (RunnableLambda(str) | model).invoke(PROMPT, config), id="chain"
    ),
    pytest.param(lambda model, config: asyncio.run(_ainvoke(model, config)), id="ainvoke"),
    pytest.param(lambda model, config: asyncio.run(_astream_events(model, config)), id="av3"),
]


def chat_model(server, **settings):
    """Return the real model on a loopback gateway."""
    return ChatQwen36(
        gateway=server.row.name, base_url=server.base_url, api_key=server.key, **settings
    )


@pytest.mark.parametrize("way", WAYS)
def test_chatqwen36_shows_langsmith_the_cost_by_itself(langsmith, gateway_server, way):
    """With no handler and no setting; LangChain's own sums and the caller's message stay whole."""
    model = chat_model(gateway_server("dashscope-intl"))
    answers = []
    with get_usage_metadata_callback() as usage, get_qwen_cost_callback() as cb:
        run = langsmith(lambda: answers.append(way(model, {})))
        way(model, {})

    (record, _) = cb.runs
    said = run["extra"]["metadata"]["usage_metadata"]
    assert {name: said[name] for name in COSTS} == {
        "input_cost": float(record.input_cost),
        "output_cost": float(record.output_cost),
        "total_cost": float(record.cost),
    }
    assert record.cost > 0
    (summed,) = usage.usage_metadata.values()
    assert summed["input_tokens"] == 2 * record.tokens.input
    assert not any(name.endswith("cost") for name in answers[0].usage_metadata)


@pytest.mark.parametrize(
    ("gateway", "name", "costs"),
    [
        pytest.param("openrouter", "qwen3.6-plus", {"total_cost"}, id="reported"),
        pytest.param("dashscope", "qwen3.6-plus", set(), id="other currency"),
        pytest.param("vllm", "qwen3.6-27b", set(), id="unknown price"),
    ],
)
def test_chatqwen36_tells_langsmith_known_dollars(langsmith, gateway_server, gateway, name, costs):
    """A reported bill has no parts; yuan and unknown prices are left out."""
    model = chat_model(gateway_server(gateway), model=name)
    run = langsmith(lambda: model.invoke(PROMPT))
    said = run["extra"]["metadata"]["usage_metadata"]
    assert {name for name in said if name.endswith("cost")} == costs


def test_several_answers_do_not_break_the_trace(langsmith, gateway_server):
    """LangChain's tracer sums over them: one bill for all, on the first."""
    model = chat_model(gateway_server("dashscope-intl"), n=2, enable_thinking=False)
    run = langsmith(lambda: model.generate([[HumanMessage(PROMPT)]]))
    assert len(run["outputs"]["generations"][0]) == 2
    assert run["extra"]["metadata"]["usage_metadata"]["total_cost"] > 0


def test_a_run_that_is_not_traced_keeps_its_handlers():
    """Nothing is put around handlers that are no tracer of LangSmith's."""
    mine = QwenCostCallbackHandler()
    manager = CallbackManagerForLLMRun(run_id=uuid4(), handlers=[mine], inheritable_handlers=[])
    expose_costs(manager)
    assert manager.handlers == [mine]


def test_a_result_without_an_answer_is_handed_on_as_it_is():
    """There is no message that a cost could be read from or written to."""
    manager = CallbackManagerForLLMRun(
        run_id=uuid4(), handlers=[LangChainTracer(client=None)], inheritable_handlers=[]
    )
    expose_costs(manager)
    writer, _, eraser = manager.handlers
    result = LLMResult(generations=[[]])
    writer.on_llm_end(result)
    eraser.on_llm_end(result)
    assert result == LLMResult(generations=[[]])
