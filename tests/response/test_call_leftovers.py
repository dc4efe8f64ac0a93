"""Tags that a server's parser leaves in the text beside structured calls."""

from __future__ import annotations

import pytest
from answers import WEATHER, agreed, chunk, completion, request, tool_delta

BOUND = request(tools=WEATHER)
CALL = {"tool_calls": [tool_delta('{"city": "Paris"}', id="c", name="get_weather")]}


@pytest.mark.parametrize(
    ("before", "behind", "text"),
    [
        pytest.param(["Hm."], [">", "\n</tool_call>"], "Hm.", id="end-of-a-tag-and-a-tag"),
        pytest.param([], ["\n</function>\n", "</tool_", "call>"], "", id="cut-tag"),
        pytest.param([], ["</tool_call>\n", "Done."], "Done.", id="tag-and-text"),
        pytest.param(["Hm.", "\n<tool_call>\n"], [], "Hm.", id="opening-tag"),
        pytest.param(["<tool_call>"], ["</tool_call>"], "", id="both-tags"),
        pytest.param(["Hm."], ["\n", "Done."], "Hm.\nDone.", id="text"),
        pytest.param(["Hm."], ["<", "b> bold"], "Hm.<b> bold", id="another-tag"),
        pytest.param(["Hm."], ["> quoted"], "Hm.> quoted", id="a-quotation"),
        pytest.param(["Hm."], ["\n"], "Hm.\n", id="a-line-break"),
        pytest.param(
            ["a > b"], ["</tool_call>" * 30], "a > b" + "</tool_call>" * 30, id="too-many"
        ),
    ],
)
def test_only_leftover_tags_are_dropped(before: list, behind: list, text: str) -> None:
    """Tags around a structured call are no text, and all that is text stays, in every style."""
    payloads = [*(chunk({"content": piece}) for piece in before), chunk(CALL)]
    payloads += [*(chunk({"content": piece}) for piece in behind), chunk(finish="tool_calls")]
    answer = agreed(payloads, BOUND)
    assert (answer["text"], answer["calls"]) == (text, [("get_weather", {"city": "Paris"})])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("Hm.\n</function>\n</tool_call>\n", "Hm.", id="behind-text"),
        pytest.param("</tool_call>", "", id="alone"),
        pytest.param("So {x}.</tool_call>", "So {x}.", id="behind-a-bracket"),
        pytest.param("Hm.<tool_call>", "Hm.", id="opening-tag"),
        pytest.param("A </tool_call> ends it.", "A </tool_call> ends it.", id="prose"),
        pytest.param("<tool_call>{}</tool_call>", "<tool_call>{}</tool_call>", id="a-whole-call"),
    ],
)
def test_a_whole_message_ends_without_leftover_tags(content: str, text: str) -> None:
    """A message that comes in one piece has its tags at the end of its text."""
    answer = agreed([completion({"content": content, **CALL}, finish="tool_calls")], BOUND)
    assert answer["text"] == text


def test_tags_without_a_call_stay() -> None:
    """Where no call came, nothing says that a tag is left over."""
    answer = agreed([completion({"content": "ok</tool_call>"})], BOUND)
    assert answer["text"] == "ok</tool_call>"
