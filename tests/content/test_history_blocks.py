"""Blocks of other models' messages, as a history brings them."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_qwen36._content.messages import HistoryToolCall, reasoning_text, tool_calls_of


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param({"type": "reasoning", "reasoning": "Why"}, "Why", id="langchain"),
        pytest.param({"type": "thinking", "thinking": "Why"}, "Why", id="anthropic"),
        pytest.param(
            {"type": "reasoning_content", "reasoning_content": {"text": "Why"}}, "Why", id="bedrock"
        ),
        pytest.param(
            {"type": "reasoning_content", "reasoning_content": "Why"}, "", id="bedrock-without-text"
        ),
        pytest.param(
            {"type": "reasoning", "summary": [{"text": "Why"}, {"text": "not"}, "", {"text": 1}]},
            "Why\nnot",
            id="responses-api",
        ),
        pytest.param({"type": "reasoning", "summary": "Why"}, "", id="responses-api-without-list"),
    ],
)
def test_reasoning_is_read_in_the_form_of_each_model(block: dict[str, Any], expected: str) -> None:
    """The reasoning of a history's message is found in the blocks of whoever wrote it."""
    assert expected == reasoning_text(AIMessage([block]))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
            HistoryToolCall("c", "f", '{"a":1}'),
            id="responses-api",
        ),
        pytest.param(
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":'},
            HistoryToolCall("c", "f", "{}", broken=True),
            id="responses-api-cut",
        ),
        pytest.param(
            {"type": "tool_use", "id": "c", "name": "f"},
            HistoryToolCall("c", "f", "{}", broken=True),
            id="anthropic-without-input",
        ),
    ],
)
def test_calls_are_read_in_the_form_of_each_model(
    block: dict[str, Any], expected: HistoryToolCall
) -> None:
    """A call that stands only in a block is sent again, a broken one as such."""
    assert [expected] == tool_calls_of(AIMessage([block]))
