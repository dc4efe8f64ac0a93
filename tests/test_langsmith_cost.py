"""What LangSmith is told of a call, read from what its client posts to a real socket (P67)."""

from __future__ import annotations

import pytest
from fake_chat_model import PROMPT, USAGE, FakeQwen
from langchain_core.runnables import RunnableLambda
from langsmith_server import LangSmith

from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback

COSTS = {"input_cost": 0.0005, "output_cost": 0.0003, "total_cost": 0.0008}


@pytest.fixture
def langsmith(monkeypatch):
    """Makes a call and gives the model's run that was posted."""
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
    """Three floats in `usage_metadata` reach the place LangSmith takes costs from (T1)."""
    run = langsmith(lambda: FakeQwen(trace_costs=True).invoke(PROMPT))

    assert run["extra"]["metadata"]["usage_metadata"] == {**USAGE, **COSTS}


def test_a_model_must_not_write_costs_into_a_chunks_usage():
    """LangChain merges a stream's chunks with integers only: the user's loop would raise (T1)."""
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
    """The floats that break LangChain's own sums (T1) are not read by ours."""
    model = FakeQwen(trace_costs=True)
    with get_qwen_cost_callback() as cb:
        langsmith(lambda: model.batch([PROMPT] * 3))

    assert (cb.calls, str(cb.total_cost), cb.cached_calls) == (3, "0.0024", 0)
