"""JSON that a model wrote, read alike from whole answers and from streams."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.utils.json import parse_json_markdown

from langchain_qwen36._response.model_json import NOT_JSON, find_json, is_prefix, partial_json

DOC = {"text": "a"}
CODE = {"text": "Run:\n\n```python\nprint(1)\n```\n\nDone"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"text": "a"}', DOC, id="bare"),
        pytest.param('```json\n{"text": "a"}\n```', DOC, id="in a fence"),
        pytest.param('```JSON\n{"text": "a"}\n```', DOC, id="in a fence of capital letters"),
        pytest.param('```json {"text": "a"}```', DOC, id="in a fence of one line"),
        pytest.param('```\n{"text": "a"}', DOC, id="in an unclosed fence"),
        pytest.param(f"```json\n{json.dumps(CODE)}\n```", CODE, id="a fence within a string"),
        pytest.param('{"text": "a\n\tb"}', {"text": "a\n\tb"}, id="raw line breaks"),
        pytest.param('Here `is`:\n{"text": "a"}\nHope it helps!', DOC, id="between words"),
        pytest.param('{"text": "a"} and more', DOC, id="before words"),
        pytest.param('See {x} and [1]: {"text": "a"}', DOC, id="behind brackets that are none"),
        pytest.param('```\n{"a": 1}\n```\n```\n{"text": "a"}\n```', DOC, id="the last fence"),
        pytest.param('First {"a": 1}, then {"b": 2}', NOT_JSON, id="two objects between words"),
        pytest.param("no JSON", NOT_JSON, id="words"),
        pytest.param('"text"', NOT_JSON, id="a string"),
    ],
)
def test_json_is_found_in_an_answer(text: str, expected: object) -> None:
    """An object is found in a fence of any form, and between words where it is the only one."""
    assert find_json(text) == expected


@pytest.mark.parametrize("text", ['{"text": "a"', '```json\n{"text": "a', '{"text": "a", '])
def test_unclosed_json_is_closed_only_on_request(text: str) -> None:
    """What the token limit cut is not closed; what a model left open is, as core does it."""
    assert find_json(text) is NOT_JSON
    assert find_json(text, repair=True) == DOC


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=5)), st.sampled_from(["", "`", "```"]))
def test_what_core_reads_is_read_here(value: dict, fence: str) -> None:
    """Everything that langchain-core's own parser reads is read to the same value."""
    text = f"{fence}{json.dumps(value)}{fence}"
    assert find_json(text) == parse_json_markdown(text)


@given(st.dictionaries(st.text(max_size=3), st.lists(st.integers() | st.text(max_size=3))))
def test_every_beginning_of_json_is_a_prefix(value: dict) -> None:
    """A text can become JSON exactly as long as it is the beginning of some."""
    text = json.dumps(value)
    assert all(is_prefix(text[:end]) for end in range(len(text) + 1))
    assert not is_prefix(text + "{")


def test_a_stream_hands_out_nothing_before_the_json() -> None:
    """Where words stand first, nothing is handed out that the end could take back."""
    assert partial_json('Here: {"a": 1') is NOT_JSON
    assert partial_json('```json\n{"a": 1') == {"a": 1}
    assert partial_json('{"a": 1} and') == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no bracket at all", id="words"),
        pytest.param('Take {"a": 1} or {"a": 2}', id="two-values"),
        pytest.param('{"a" 1 {"b": 2', id="wrong-before-its-end"),
        pytest.param("[" * 100_000, id="nested-too-deep"),
        pytest.param('{"a": "' + "x" * 1_000_001, id="too-long"),
    ],
)
def test_what_is_not_cut_json_is_not_repaired(text: str) -> None:
    """Only one value of which nothing but the end is missing is repaired, up to a length."""
    assert find_json(text, repair=True) is NOT_JSON


def test_json_that_is_nested_too_deeply_is_no_prefix() -> None:
    """What the reader cannot read now it cannot read with more text either."""
    assert not is_prefix("[" * 100_000)
