"""What a call would cost, before it is made."""

from __future__ import annotations

from decimal import Decimal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model.prepare import prepare_call
from langchain_qwen36._request.prompt_size import prompt_size_of_run
from langchain_qwen36.gateways import GATEWAYS
from langchain_qwen36.tokens import count_messages

QUESTION = [HumanMessage("How tall is the tower of Babel?")]


def model(**settings) -> ChatQwen36:
    """Return a model whose calls would go to a gateway with two tiers."""
    return ChatQwen36(model="qwen3.6-flash", gateway="apiyi", api_key="sk-none", **settings)


def test_the_price_is_the_list_price_of_input_and_longest_answer():
    """17 cents for a million tokens in, 1.02 dollars out (apiyi, first tier)."""
    found = model().estimate_cost(QUESTION, max_tokens=1000)
    size = count_messages(QUESTION)
    assert found.input_tokens == size
    assert found.cost.total == (Decimal("0.17") * size + Decimal("1.02") * 1000) / 1_000_000


def test_the_models_own_limit_counts_where_the_call_sets_none():
    """A call that may answer with 500 tokens is reckoned with 500."""
    assert model(max_tokens=500).estimate_cost(QUESTION).output_tokens == 500


def test_without_any_limit_the_answer_is_unknown_not_free():
    """The cost is that of the input, and `output_tokens` says that nothing is known."""
    found = model().estimate_cost(QUESTION)
    assert (found.output_tokens, found.cost.output) == (None, 0)


def test_it_says_how_far_the_next_tier_is_and_what_crossing_costs():
    """One token above 256,000 lifts every token of the request from 0.17 to 0.68."""
    found = model().estimate_cost(QUESTION)
    assert found.next_tier.tokens_left == 256_000 - found.input_tokens
    below, above = Decimal("0.17") * 256_000, Decimal("0.68") * 256_001
    assert found.next_tier.crossing_cost.amount == (above - below) / 1_000_000
    assert found.tier.label == "≤256K"


def test_a_discount_is_taken_off_the_crossing_too():
    """What the account pays of the list it pays of both tiers."""
    listed = model().estimate_cost(QUESTION, max_tokens=1000).next_tier.crossing_cost.amount
    paid = model(price_discount=0.85).estimate_cost(QUESTION, max_tokens=1000).next_tier
    assert paid.crossing_cost.amount == listed * Decimal("0.85")


@pytest.mark.parametrize(
    ("settings", "rate"),
    [
        pytest.param({"enable_thinking": True}, "4.00", id="thinking"),
        pytest.param({"reasoning_effort": "high"}, "4.00", id="effort"),
        pytest.param({"thinking_budget": 500}, "4.00", id="budget"),
        pytest.param({"extra_body": {"enable_thinking": True}}, "4.00", id="own-body"),
        pytest.param({}, "1.20", id="by itself not"),
    ],
)
def test_a_model_that_is_told_to_think_is_reckoned_at_the_rate_for_it(settings, rate):
    """qwen-plus has two prices for its answers."""
    asked = ChatQwen36(model="qwen-plus", gateway="dashscope-intl", api_key="sk-none", **settings)
    found = asked.estimate_cost(QUESTION, max_tokens=1000)
    assert found.cost.output == Decimal(rate) * 1000 / 1_000_000


def test_a_model_without_a_price_is_sized_but_not_priced():
    """Unknown is None, never 0."""
    found = ChatQwen36(model="mine", base_url="http://localhost:1/v1").estimate_cost(QUESTION)
    assert found.input_tokens > 0
    assert (found.cost, found.next_tier) == (None, None)


def test_a_count_does_not_depend_on_what_was_counted_before():
    """Usage in the history, of this or of another conversation, leaves the count as it is."""
    question = HumanMessage("Les élèves étudient à l'école près de la forêt. " * 400)
    plain = [question, AIMessage("Oui."), HumanMessage("Et puis?")]
    usage = {"input_tokens": 20_000, "output_tokens": 2, "total_tokens": 20_002}
    billed = AIMessage(
        "Oui.",
        usage_metadata=usage,
        response_metadata={"requested_model": "qwen3.6-plus", "requests": [{}, {}]},
    )
    expected = model().get_num_tokens_from_messages(plain)
    model().get_num_tokens_from_messages([question, billed, HumanMessage("Et puis?")])

    assert model().get_num_tokens_from_messages(plain) == expected


THOUGHTS = "word " * 2_000
OURS = AIMessage("b", additional_kwargs={"reasoning_content": THOUGHTS})
CALL = {"name": "f", "args": {}, "id": "c1"}
LOOP = AIMessage("", additional_kwargs={"reasoning_content": THOUGHTS}, tool_calls=[CALL])
RESULT = ToolMessage("ok", tool_call_id="c1")
THEIRS = AIMessage(
    [{"type": "thinking", "thinking": THOUGHTS}, {"type": "text", "text": "b"}],
    response_metadata={"model_provider": "anthropic"},
)


def _f(a: int) -> int:
    """F."""
    return a


@pytest.mark.parametrize("gateway", ["openrouter", "dashscope-intl", "vllm"])
@pytest.mark.parametrize(
    ("history", "settings", "tools"),
    [
        pytest.param([OURS, HumanMessage("c")], {}, [], id="an-earlier-turn"),
        pytest.param([OURS, HumanMessage("c")], {"replay_reasoning": "all"}, [], id="replay-all"),
        pytest.param([OURS, HumanMessage("c")], {"preserve_thinking": True}, [], id="preserved"),
        pytest.param([OURS, HumanMessage("c")], {"enable_thinking": True}, [_f], id="agent"),
        pytest.param(
            [THEIRS, HumanMessage("c")], {"replay_reasoning": "all"}, [], id="foreign-all"
        ),
        pytest.param([THEIRS, HumanMessage("c")], {"preserve_thinking": True}, [], id="foreign"),
        pytest.param([LOOP, RESULT], {}, [_f], id="tool-loop"),
        pytest.param([LOOP, RESULT, SystemMessage("s")], {}, [_f], id="reminder-behind-a-loop"),
        pytest.param(
            [LOOP, HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}])],
            {},
            [_f],
            id="result-in-a-user-message",
        ),
        pytest.param([LOOP, RESULT], {"replay_reasoning": "never"}, [_f], id="never"),
    ],
)
def test_the_count_holds_the_reasoning_that_the_request_sends(gateway, history, settings, tools):
    """The counter and the request builder replay the reasoning of the same messages."""
    asked = ChatQwen36(
        model="qwen3.6-plus", gateway=gateway, api_key="sk-none", base_url="http://h/v1", **settings
    )
    messages = [HumanMessage("a"), *history]
    kwargs = asked.bind_tools(tools).kwargs if tools else {}
    endpoint = asked._endpoint
    body = prepare_call(
        asked, endpoint, None, messages, stop=None, kwargs=kwargs, stream=False
    ).request.body
    sent = [m for m in body["messages"] if m.get("reasoning") or m.get("reasoning_content")]
    counted = asked.get_num_tokens_from_messages(messages, tools)

    assert (counted > 1_500) == bool(sent)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The quick brown fox jumps over the lazy dog. " * 20, id="english"),
        pytest.param("敏捷的棕色狐狸跳过了懒狗。" * 20, id="chinese"),
    ],
)
def test_the_model_counts_tokens_for_trimming(text):
    """`trim_messages(token_counter=model)` gets a number with no download."""
    counted = model().get_num_tokens_from_messages([HumanMessage(text)])
    assert counted == count_messages([HumanMessage(text)])


def test_all_choices_are_reckoned_with():
    """Three choices may cost three answers; the input is billed once."""
    settings = {"enable_thinking": False, "max_tokens": 1000}
    three = model(n=3, **settings).estimate_cost(QUESTION)
    own = model(extra_body={"n": 3}, **settings).estimate_cost(QUESTION)
    one = model(**settings).estimate_cost(QUESTION)
    assert (three.output_tokens, three.cost.output) == (3000, 3 * one.cost.output)
    assert three.cost.input == one.cost.input
    assert own.cost.output == three.cost.output


def test_settings_that_the_call_will_refuse_are_counted_without_a_plan():
    """The call raises the error itself, and costs nothing."""
    messages, params = [HumanMessage("How many r?")], {"enable_thinking": True}
    size = prompt_size_of_run(messages, None, params, "qwen3-coder-plus", GATEWAYS["dashscope"])
    assert size == count_messages(messages)
