"""Thoughts between tags, however the text is cut."""

from __future__ import annotations

import pytest
from answers import agreed, chunk, completion, read, request, text_chunks
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_qwen36._response.think_tags import ThinkTagSplitter


def split(pieces: list[str], *, lone: bool = False) -> tuple[str, str]:
    """Return the thoughts and the answer in these pieces."""
    splitter = ThinkTagSplitter(lone=lone)
    parts = [*(splitter.feed(piece) for piece in pieces), splitter.finish()]
    return "".join(p.reasoning for p in parts), "".join(p.content for p in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<think>\ndraft\n</think>\n\nans", ("draft", "ans"), id="as-the-template"),
        pytest.param(" \n<think>draft</think>ans", ("draft", "ans"), id="space-before"),
        pytest.param("<think>\n\n</think>\n\nans", ("", "ans"), id="empty-thoughts"),
        pytest.param("<think>a\n\nb</think>ans", ("a\n\nb", "ans"), id="newlines-inside"),
        pytest.param("<think>cut off </thi", ("cut off </thi", ""), id="never-closed"),
        pytest.param("<think>a</think>b</think>c", ("a", "b</think>c"), id="literal-tag-later"),
        pytest.param("a <think>b</think> c", ("", "a <think>b</think> c"), id="not-at-the-start"),
        pytest.param("draft</think>ans", ("", "draft</think>ans"), id="lone-tag-is-text"),
        pytest.param("<thin ice", ("", "<thin ice"), id="almost-a-tag"),
        pytest.param("  \n ", ("", "  \n "), id="only-space"),
        pytest.param("", ("", ""), id="nothing"),
    ],
)
def test_paired_tags_count_only_at_the_start(text: str, expected: tuple[str, str]) -> None:
    """Paired tags count at the start of the answer; the same character by character."""
    assert expected == split([text])
    assert expected == split(list(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("draft</think>\n\nans", ("draft", "ans"), id="lone"),
        pytest.param("Use `<think>x</think>`.", ("", "Use `<think>x</think>`."), id="quoted"),
        pytest.param(
            "as `<think>x</think>`\n</think>\n\nans",
            ("as `<think>x</think>`", "ans"),
            id="quoted-and-lone",
        ),
        pytest.param(
            "no <think>\nmore\n</think>ans", ("no <think>\nmore", "ans"), id="half-a-pair"
        ),
        pytest.param(
            "<i><think>a</think>" * 9 + "b", ("", "<i><think>a</think>" * 9 + "b"), id="many"
        ),
        pytest.param("\ndraft\n</think>\n\nans", ("draft", "ans"), id="newlines"),
        pytest.param("draft</think>a</think>b", ("draft", "a</think>b"), id="literal-tag-later"),
        pytest.param("an answer", ("", "an answer"), id="never-closed"),
        pytest.param("<think>draft</think>ans", ("draft", "ans"), id="paired-all-the-same"),
        pytest.param("</think>\n\nans", ("", "ans"), id="empty-thoughts"),
    ],
)
def test_a_lone_tag_ends_thoughts_that_the_prompt_opened(
    text: str, expected: tuple[str, str]
) -> None:
    """Text before a lone closing tag is thought, and an answer if the tag never comes."""
    assert expected == split([text], lone=True)
    assert expected == split(list(text), lone=True)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["<think>", "</think>", "\n", " ", "a", "<", "/think>"]), max_size=9),
    st.booleans(),
)
def test_cuts_do_not_matter(parts: list[str], lone: bool) -> None:
    """However a text is cut, the same is thought and the same is answer."""
    text = "".join(parts)
    assert split([text], lone=lone) == split(parts, lone=lone) == split(list(text), lone=lone)


def test_thoughts_stream_while_they_come() -> None:
    """Thoughts between paired tags are not held to the end."""
    splitter = ThinkTagSplitter(lone=False)
    shown = [splitter.feed(piece).reasoning for piece in ("<think>", "one ", "two")]
    assert shown == ["", "one ", "two"]


@pytest.mark.pain("P15")
def test_a_lone_tag_over_chunk_borders() -> None:
    """A self-hosted server without a reasoning parser."""
    said = request(gateway="vllm")
    answer = agreed(text_chunks(["dra", "ft</th", "ink>\n\nans"]), said)
    assert (answer["thoughts"], answer["text"]) == ("draft", "ans")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(request(gateway="vllm", thinking=False), id="thinking-off"),
        pytest.param(request(gateway="openrouter"), id="row-without-lone-tags"),
    ],
)
def test_without_cause_a_lone_tag_is_text_and_nothing_is_held(said) -> None:
    """Where thinking is off, or the row knows no lone tags, text goes out as it comes."""
    answer = read(text_chunks(["dra", "ft</think>", "ans"]), said)
    assert [c.message.content for c in answer.chunks[:3]] == ["dra", "ft</think>", "ans"]


def test_structured_thoughts_end_the_search_for_tags() -> None:
    """After structured thoughts a literal tag in the answer is text, and text is not held."""
    payloads = [chunk({"reasoning_content": "t"}), *text_chunks(["see </think>", "."])]
    answer = read(payloads, request(gateway="vllm"))
    assert [c.message.content for c in answer.chunks[:3]] == ["", "see </think>", "."]


@pytest.mark.pain("P36")
def test_thoughts_cut_by_the_limit_stay_thoughts() -> None:
    """An unclosed tag at finish length is thought, and the empty answer is flagged."""
    answer = read(text_chunks(["<think>", "so ", "far"], finish="length"))
    assert (answer.invoke.additional_kwargs["reasoning_content"], answer.v3.text) == ("so far", "")
    assert answer.merged.response_metadata["empty_answer"] is True


def test_a_one_shot_answer_is_split_the_same_way() -> None:
    """DashScope's leak in one-shot answers."""
    answer = agreed([completion({"content": "<think>\nhm\n</think>\n\nyes"})])
    assert (answer["thoughts"], answer["text"]) == ("hm", "yes")


LEFT_OVER = pytest.mark.parametrize(
    ("was_cut", "text", "expected"),
    [
        pytest.param(True, "the rest </think> ans", "the rest </think> ans", id="tag-in-a-line"),
        pytest.param(False, "</think>\n" * 10 + "ans", "</think>\nans", id="many-tags"),
        pytest.param(False, " " * 65 + "ans", " " * 65 + "ans", id="much-space"),
    ],
)


@LEFT_OVER
def test_what_is_no_leftover_tag_is_the_answer(was_cut: bool, text: str, expected: str) -> None:
    """After reasoning in its own field a tag is dropped only where it stands as one."""
    splitter = ThinkTagSplitter(lone=False)
    splitter.reasoning_came(was_cut=was_cut)
    parts = [splitter.feed(text), splitter.finish()]
    assert expected == "".join(part.content for part in parts)
    assert not any(part.reasoning for part in parts)


def test_reasoning_in_its_own_field_ends_open_tags() -> None:
    """Thoughts between tags, still open when reasoning comes in a field, are all handed out."""
    splitter = ThinkTagSplitter(lone=False)
    parts = [splitter.feed("<think>draft </thi"), splitter.reasoning_came(was_cut=False)]
    assert "".join(part.reasoning for part in parts) == "draft </thi"
