"""What langchain-core 1.8.4 reads of an answer's end, and the answer's own name."""

from __future__ import annotations

import pytest
from answers import call_chunks, completion, read, text_chunks, tool_delta

FILTERED = text_chunks(["a"], finish="content_filter")


@pytest.mark.parametrize(
    ("payloads", "raw", "normalized"),
    [
        pytest.param(text_chunks(["a"]), "stop", "stop", id="stop"),
        pytest.param(text_chunks(["a"], finish="max_tokens"), "length", "length", id="length"),
        pytest.param(FILTERED, "content_filter", "content_filter", id="content-filter"),
        pytest.param(
            call_chunks(tool_delta("{}", id="c", name="f"), finish="stop"),
            "tool_calls",
            "tool_call",
            id="tool-call",
        ),
        pytest.param(text_chunks(["a"], finish="repetition"), "repetition", "other", id="other"),
    ],
)
@pytest.mark.parametrize("style", ["invoke", "merged", "v3"])
def test_every_finish_reason_has_one_of_cores_words(payloads, raw, normalized, style) -> None:
    """A program can branch on the word whichever gateway answered; unknown reasons are "other"."""
    metadata = getattr(read(payloads), style).response_metadata
    assert (metadata["finish_reason"], metadata["normalized_finish_reason"]) == (raw, normalized)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("COMPLETE", "stop", id="stop"),
        pytest.param("STOP", "stop", id="capitals"),
        pytest.param("model_length", "length", id="length"),
        pytest.param("SAFETY", "content_filter", id="filter"),
        pytest.param("tool_call", "tool_calls", id="singular"),
        pytest.param("TOOL_CALLS", "tool_calls", id="calls-in-capitals"),
    ],
)
def test_other_servers_words_are_known(word: str, expected: str) -> None:
    """A word for an end that was none would cut a call without arguments that is whole."""
    answer = read(call_chunks(tool_delta("", id="c", name="f"), finish=word)).invoke
    is_whole = expected in ("stop", "tool_calls")
    assert bool(answer.tool_calls) == is_whole
    finish = "tool_calls" if is_whole else expected
    assert answer.response_metadata["finish_reason"] == finish


def test_the_last_event_carries_the_finish_fields_where_core_reads_them() -> None:
    """Readers of v3 events find them beside the usage, not only in the metadata."""
    last = read(FILTERED).events[-1]
    assert last["event"] == "message-finish"
    assert last["finish_reason"] == "content_filter"
    assert last["normalized_finish_reason"] == "content_filter"


def test_an_answer_keeps_the_name_that_the_server_gave_it() -> None:
    """A gateway in front of named agents says which of them spoke."""
    answer = read([completion({"content": "a", "name": "researcher"})])
    assert (answer.invoke.name, answer.chunks[-1].message.name) == ("researcher", "researcher")


@pytest.mark.parametrize("name", [None, "", 5])
def test_no_name_is_made_of_what_is_none(name: object) -> None:
    """An empty name, or what is no string, is as good as no name."""
    assert read([completion({"content": "a", "name": name})]).invoke.name is None
