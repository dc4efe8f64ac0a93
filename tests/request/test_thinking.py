from __future__ import annotations

import pytest

from langchain_qwen36._request.thinking import plan, switches_elsewhere, thinking_override
from langchain_qwen36._request.types import Thinking
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS, Gateway

DASHSCOPE = GATEWAYS["dashscope"]
OPENROUTER = GATEWAYS["openrouter"]
VLLM = GATEWAYS["vllm"]
PLUS = find_model("qwen3.6-plus")
MAX = find_model("qwen3.6-max-preview")
NEVER = find_model("qwen3-coder-plus")
ALWAYS = find_model("qwq-plus")
OFF = find_model("qwen3-max")
SWITCH_ONLY = Gateway(name="switch-only", thinking="enable_thinking")


@pytest.mark.parametrize(
    ("said", "gateway", "expected"),
    [
        pytest.param(Thinking(), "dashscope", {}, id="nothing-said-nothing-sent"),
        pytest.param(
            Thinking(budget=100),
            "dashscope",
            {"enable_thinking": True, "thinking_budget": 100},
            id="a-budget-means-on",
        ),
        pytest.param(
            Thinking(budget=0), "dashscope", {"enable_thinking": False}, id="p57-budget-0-is-off"
        ),
        pytest.param(
            Thinking(enabled=False, budget=100),
            "dashscope",
            {"enable_thinking": False},
            id="p57-off-makes-the-budget-void",
        ),
        pytest.param(
            Thinking(enabled=False, effort="high"),
            "openrouter",
            {"reasoning": {"enabled": False}},
            id="off-makes-the-effort-void",
        ),
        pytest.param(
            Thinking(effort="none"), "openrouter", {"reasoning": {"enabled": False}}, id="none"
        ),
        pytest.param(
            Thinking(effort="max"), "dashscope", {"enable_thinking": True}, id="max-sets-no-bound"
        ),
        pytest.param(
            Thinking(enabled=True, budget=100),
            "openrouter",
            {"reasoning": {"max_tokens": 100}},
            id="a-nested-budget-is-switch-enough",
        ),
        pytest.param(
            Thinking(effort="low", preserve=True),
            "llamacpp",
            {
                "chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True},
                "thinking_budget_tokens": 16384,
            },
            id="nested-keys-are-merged",
        ),
        pytest.param(
            Thinking(budget=100, effort="low"),
            "apiyi",
            {"enable_thinking": True, "thinking_budget": 100, "reasoning_effort": "low"},
            id="both-where-both-are-taken",
        ),
        pytest.param(
            Thinking(effort="low"), "ollama", {"reasoning_effort": "low"}, id="effort-is-the-switch"
        ),
    ],
)
def test_what_was_said_becomes_the_row_s_fields(said, gateway, expected):
    """One knob, each server's spelling."""
    assert plan(said, GATEWAYS[gateway], PLUS).fields == expected


@pytest.mark.pain("P58")
@pytest.mark.parametrize(
    ("effort", "share"),
    [("minimal", 8_192), ("low", 16_384), ("medium", 40_960), ("high", 65_536), ("xhigh", 77_824)],
)
def test_an_effort_becomes_a_share_of_the_longest_thought(effort, share):
    """10, 20, 50, 80 and 95 % of the model's 81,920 tokens."""
    assert plan(Thinking(effort=effort), DASHSCOPE, PLUS).fields["thinking_budget"] == share


@pytest.mark.pain("P57")
def test_a_budget_above_the_maximum_is_clamped_and_noted():
    """The server would refuse it with a 400."""
    asked = plan(Thinking(budget=10**6), DASHSCOPE, MAX)

    assert asked.fields["thinking_budget"] == 131_072
    assert asked.notes == {
        "thinking_budget": (
            "`thinking_budget=1000000` is above the model's maximum: 131072 was sent."
        )
    }


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        pytest.param(Thinking(budget=60_000), 32_768, id="above"),
        pytest.param(Thinking(budget=50), 128, id="below"),
        pytest.param(Thinking(budget=4_096), 4_096, id="within"),
        pytest.param(Thinking(effort="high"), 32_768, id="an-effort"),
        pytest.param(Thinking(effort="low"), 16_384, id="an-effort-within"),
    ],
)
def test_a_budget_is_moved_into_what_the_gateway_takes(asked, sent):
    """SiliconFlow answers 400 outside 128 to 32,768, whatever the model could think."""
    made = plan(asked, GATEWAYS["siliconflow"], PLUS)

    assert made.fields == {"enable_thinking": True, "thinking_budget": sent}
    assert bool(made.notes) == (asked.budget not in (None, sent))


@pytest.mark.parametrize("model", [PLUS, None], ids=["known", "unknown"])
def test_a_budget_within_bounds_is_sent_as_it_is(model):
    """An unknown model's maximum is unknown: the server judges."""
    asked = plan(Thinking(budget=81_920), DASHSCOPE, model)

    assert (asked.fields["thinking_budget"], asked.notes) == (81_920, {})


@pytest.mark.parametrize(
    ("said", "gateway", "model", "words"),
    [
        pytest.param(Thinking(budget=-1), DASHSCOPE, PLUS, ["-1", "below 0"], id="below-0"),
        pytest.param(
            Thinking(enabled=True, budget=0), DASHSCOPE, PLUS, ["contradict"], id="on-with-0"
        ),
        pytest.param(
            Thinking(enabled=True, effort="none"),
            DASHSCOPE,
            PLUS,
            ['reasoning_effort="none"', "contradict"],
            id="on-with-none",
        ),
        pytest.param(
            Thinking(budget=1, effort="low"),
            OPENROUTER,
            PLUS,
            ["openrouter", "not both"],
            id="exclusive",
        ),
        pytest.param(
            Thinking(budget=1, effort="low"),
            DASHSCOPE,
            PLUS,
            ["dashscope", "not both"],
            id="one-field-for-two",
        ),
        pytest.param(
            Thinking(effort="low"), DASHSCOPE, None, ["thinking_budget"], id="share-of-nothing"
        ),
        pytest.param(
            Thinking(budget=5),
            SWITCH_ONLY,
            PLUS,
            ["switch-only", "enable_thinking", "extra_body"],
            id="no-budget",
        ),
        pytest.param(Thinking(effort="low"), SWITCH_ONLY, PLUS, ["switch-only"], id="no-effort"),
        pytest.param(
            Thinking(effort="max"), GATEWAYS["aimlapi"], PLUS, ["low, medium, high"], id="efforts"
        ),
        pytest.param(
            Thinking(enabled=False),
            Gateway(name="plain"),
            PLUS,
            ["plain", "`gateway=`", "extra_body"],
            id="no-switch",
        ),
        pytest.param(
            Thinking(enabled=True), DASHSCOPE, NEVER, ["qwen3-coder-plus", "cannot"], id="never"
        ),
        pytest.param(Thinking(budget=5), DASHSCOPE, NEVER, ["cannot think"], id="never-budget"),
        pytest.param(
            Thinking(enabled=False), DASHSCOPE, ALWAYS, ["qwq-plus", "always"], id="always"
        ),
        pytest.param(Thinking(budget=0), DASHSCOPE, ALWAYS, ["always thinks"], id="always-budget"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(said, gateway, model, words):
    """The setting, the gateway or model, and what to use instead."""
    with pytest.raises(UnsupportedSettingError) as refused:
        plan(said, gateway, model)

    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize(
    ("said", "model", "served", "expected"),
    [
        pytest.param(None, PLUS, None, True, id="the-model-s-default"),
        pytest.param(None, OFF, None, False, id="off-by-default"),
        pytest.param(None, ALWAYS, None, True, id="always"),
        pytest.param(None, NEVER, None, False, id="never"),
        pytest.param(None, None, None, None, id="unknown-model"),
        pytest.param(None, PLUS, "on", True, id="the-gateway-agrees"),
        pytest.param(None, PLUS, "off", None, id="the-gateway-disagrees"),
        pytest.param(False, PLUS, None, False, id="switched-off"),
        pytest.param(True, OFF, "off", True, id="switched-on"),
    ],
)
def test_whether_the_model_will_think(said, model, served, expected):
    """None where nothing says, or where two sources do not agree."""
    assert plan(Thinking(enabled=said), DASHSCOPE, model, gateway_default=served).on is expected


@pytest.mark.parametrize("said", [False, None], ids=["off", "nothing"])
def test_a_model_that_never_thinks_gets_no_switch(said):
    """Its server may refuse the key."""
    assert plan(Thinking(enabled=said), DASHSCOPE, NEVER).fields == {}


class TestPreserve:
    """Without `preserve_thinking` older thoughts are dropped, and agents lose their plan."""

    ON = {"preserve_thinking": True}  # noqa: RUF012

    @pytest.mark.pain("P27")
    @pytest.mark.parametrize(
        ("said", "gateway", "model", "with_tools", "expected"),
        [
            pytest.param(Thinking(), DASHSCOPE, PLUS, True, ON, id="by-default-with-tools"),
            pytest.param(Thinking(), DASHSCOPE, PLUS, False, {}, id="not-without"),
            pytest.param(Thinking(), DASHSCOPE, OFF, True, {}, id="not-for-models-without-it"),
            pytest.param(Thinking(), DASHSCOPE, None, True, {}, id="not-for-unknown-models"),
            pytest.param(
                Thinking(enabled=False),
                DASHSCOPE,
                PLUS,
                True,
                {"enable_thinking": False},
                id="not-while-off",
            ),
            pytest.param(Thinking(preserve=False), DASHSCOPE, PLUS, True, {}, id="false-is-absent"),
            pytest.param(Thinking(preserve=True), DASHSCOPE, None, False, ON, id="true-is-sent"),
            pytest.param(
                Thinking(), VLLM, PLUS, True, {"chat_template_kwargs": ON}, id="in-the-template"
            ),
            pytest.param(Thinking(preserve=True), OPENROUTER, PLUS, True, {}, id="by-replay"),
        ],
    )
    def test_it_is_sent_where_the_row_takes_it(self, said, gateway, model, with_tools, expected):
        """On with tools where the model can; the user's word wins."""
        assert plan(said, gateway, model, with_tools=with_tools).fields == expected

    @pytest.mark.pain("P27")
    @pytest.mark.parametrize(
        ("said", "gateway", "expected"),
        [
            pytest.param(Thinking(), DASHSCOPE, True, id="by-default"),
            pytest.param(Thinking(preserve=False), DASHSCOPE, False, id="refused"),
            pytest.param(Thinking(preserve=True), OPENROUTER, True, id="by-replay-when-asked"),
            pytest.param(Thinking(), OPENROUTER, False, id="by-replay-not-by-itself"),
            pytest.param(Thinking(enabled=False), DASHSCOPE, False, id="not-while-off"),
        ],
    )
    def test_what_is_kept_is_sent_back_whole(self, said, gateway, expected):
        """The server can only keep what it gets."""
        asked = plan(said, gateway, PLUS, with_tools=True)

        assert asked.replays_all_turns is expected

    def test_never_replaying_keeps_nothing(self):
        """The default gives way to the policy; both said is a contradiction."""
        asked = plan(Thinking(), DASHSCOPE, PLUS, with_tools=True, replay="never")

        assert (asked.fields, asked.replays_all_turns) == ({}, False)
        with pytest.raises(UnsupportedSettingError, match="contradict"):
            plan(Thinking(preserve=True), DASHSCOPE, PLUS, replay="never")


@pytest.mark.pain("P14")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"enable_thinking": False}, False, id="top-level"),
        pytest.param({"chat_template_kwargs": {"enable_thinking": True}}, True, id="template"),
        pytest.param({"chat_template_kwargs": {"x": 1}}, None, id="template-of-another-kind"),
        pytest.param({"reasoning": {"enabled": False}}, False, id="nested"),
        pytest.param({"reasoning": {"effort": "none"}}, False, id="nested-effort"),
        pytest.param({"reasoning_effort": "none"}, False, id="effort"),
        pytest.param({"reasoning": None}, None, id="null"),
    ],
)
def test_a_body_of_the_user_s_own_is_read(body, expected):
    """It goes over every setting, so it also decides what we believe."""
    assert thinking_override(body) is expected


def test_an_effort_of_qwen38_is_sent_as_its_maker_takes_it():
    """Model Studio takes `reasoning_effort` from Qwen3.8 on; for Qwen3.6 it becomes a budget."""
    newer = plan(Thinking(effort="low"), DASHSCOPE, find_model("qwen3.8-max"))
    assert newer.fields == {"enable_thinking": True, "reasoning_effort": "low"}
    assert "reasoning_effort" not in plan(Thinking(effort="low"), DASHSCOPE, PLUS).fields


@pytest.mark.parametrize("name", ["qwen3-coder-plus", "qwq-plus"])
def test_a_model_that_cannot_switch_has_no_switch_of_ours_beside_anothers(name):
    """The server judges what the user's own body asks for."""
    body = {"chat_template_kwargs": {"enable_thinking": False}}
    assert switches_elsewhere(body, GATEWAYS["dashscope"], find_model(name)) is False
