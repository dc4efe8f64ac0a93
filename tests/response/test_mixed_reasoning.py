"""Reasoning and answer that a server mixed up are told apart, whole and streamed."""

from __future__ import annotations

import pytest
from answers import agreed, chunk, completion, read, request, text_chunks, tool_delta

BUDGET = {"body": {"thinking_budget_tokens": 8}, "gateway": "llamacpp"}
THOUGHT = "Here is a thinking process:\n\n1. The user asks"


def both(reasoning: str, pieces: list[str], finish: str = "stop", **said) -> tuple[str, str]:
    """Return the reasoning and the text that a stream gives; a whole message must give the same."""
    stream = [chunk({"reasoning_content": reasoning}), *text_chunks(pieces, finish)]
    message = {"reasoning_content": reasoning, "content": "".join(pieces)}
    streamed = agreed(stream, request(**said))
    whole = agreed([completion(message, finish)], request(**said))
    assert (streamed["thoughts"], streamed["text"]) == (whole["thoughts"], whole["text"])
    return streamed["thoughts"], streamed["text"]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(["</th", "ink>\n\nParis."], ("I think", "Paris."), id="a closing tag"),
        pytest.param(["\n</think>", "\n\nParis."], ("I think", "Paris."), id="behind a newline"),
        pytest.param(
            ["<think>I think", "</think>\n\nParis."], ("I think", "Paris."), id="repeated"
        ),
        pytest.param(
            ["<think>\n", "\n</think>\n\nParis."], ("I think", "Paris."), id="a blank pair"
        ),
        pytest.param(["<think> ", "opens it."], ("I think", "<think> opens it."), id="literal"),
        pytest.param(["`</think>`", " ends it"], ("I think", "`</think>` ends it"), id="quoted"),
        pytest.param(["A </think> B"], ("I think", "A </think> B"), id="a tag in the answer"),
        pytest.param(["I think", " so."], ("I think", "I think so."), id="the same beginning"),
    ],
)
def test_tags_left_at_the_head_are_not_shown(pieces: list[str], expected: tuple) -> None:
    """A left-over tag or a repeated pair at the head goes; a literal tag in an answer stays."""
    assert both("I think", pieces) == expected
    assert both("I think", list("".join(pieces))) == expected


def test_what_a_budget_leaves_of_a_thought_is_reasoning() -> None:
    """Behind a thinking budget the text up to a closing tag on its own line is reasoning."""
    pieces = [" of France.", "\n</thi", "nk>\n\nParis."]
    assert both("The capital", pieces, **BUDGET) == ("The capital of France.", "Paris.")
    assert both("The capital", ["Paris."], **BUDGET) == ("The capital", "Paris.")
    assert both("The", ["a </think> b"], **BUDGET) == ("The", "a </think> b")


def test_content_behind_a_budget_is_held_for_a_bounded_time() -> None:
    """After 4,000 characters without a tag, what was held is the answer and streams on."""
    payloads = [chunk({"reasoning_content": "x" * 9}), *text_chunks(["y" * 1_000] * 6)]
    sizes = [len(c.text) for c in read(payloads, request(**BUDGET)).chunks if c.text]
    assert sizes == [5_000, 1_000]


@pytest.mark.parametrize(
    ("finish", "expected"),
    [pytest.param("length", "", id="cut"), pytest.param("stop", THOUGHT, id="whole")],
)
def test_reasoning_sent_again_as_the_answer(finish: str, expected: str) -> None:
    """Reasoning that the token limit cut is no answer, even if the server sends it once more."""
    assert both(THOUGHT, [THOUGHT[:9], THOUGHT[9:]], finish) == (THOUGHT, expected)


def test_the_answer_sent_as_reasoning_while_thinking_is_off() -> None:
    """With thinking off and nothing but reasoning, the reasoning is the answer, and noted."""
    payloads = [chunk({"reasoning_content": t}) for t in ("I am ", "Qwen.")] + [
        chunk(finish="stop")
    ]
    answer = agreed(payloads, request(thinking=False))
    assert (answer["thoughts"], answer["text"]) == ("", "I am Qwen.")
    notes = read(payloads, request(thinking=False)).invoke.response_metadata["notes"]
    assert "reasoning parser" in notes["reasoning"]


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_reasoning_beside_an_answer_stays_reasoning_while_thinking_is_off(finish: str) -> None:
    """A model that thinks although it must not has reasoning and an answer."""
    assert both("I think", ["Paris."], finish, thinking=False) == ("I think", "Paris.")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_within_an_answer_is_reasoning(field: str) -> None:
    """A model that thinks again after its first words has an answer without a gap."""
    deltas = [{"content": "Paris"}, {field: "I check."}, {"content": ", France."}]
    answer = agreed([*map(chunk, deltas), chunk(finish="stop")])
    assert (answer["thoughts"], answer["text"]) == ("I check.", "Paris, France.")


def test_two_fields_with_the_same_reasoning_count_once() -> None:
    """A proxy that sends every piece under two names, in deltas of their own."""
    payloads = [chunk({name: t}) for t in ("a ", "b ") for name in ("reasoning", "thinking")]
    assert agreed([*payloads, chunk({"content": "c"}), chunk(finish="stop")])["thoughts"] == "a b "


@pytest.mark.parametrize("blank", ["\n\n", " ", "\n"])
def test_blank_text_before_a_call_is_dropped(blank: str) -> None:
    """White space before a call is no text; before an answer it stays."""
    call = chunk({"tool_calls": [tool_delta("{}", index=0, id="c", name="f")]})
    assert agreed([chunk({"content": blank}), call, chunk(finish="tool_calls")])["text"] == ""
    assert agreed(text_chunks([blank, "a"]))["text"] == f"{blank}a"


def test_a_call_inside_the_reasoning_has_its_own_warning(caplog) -> None:
    """The warning does not ask for more tokens where tokens were not missing."""
    read([chunk({"reasoning_content": "<tool_call>{}</tool_call>"}), chunk(finish="stop")])
    assert "wrote a tool call inside its reasoning" in caplog.text
    assert "max_tokens" not in caplog.text
