"""`reasoning_details` of a history: the fragments of other chat models become whole items."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from langchain_qwen36._content.reasoning_details import joined_details


def text(part: str, **more: Any) -> dict[str, Any]:
    """Return an item, or a fragment of one."""
    return {"type": "reasoning.text", "text": part, **more}


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        pytest.param(
            [text("The", index=0), text(" user", index=0), text(" asks", index=0)],
            [text("The user asks", index=0)],
            id="fragments",
        ),
        pytest.param(
            [
                text("a", index=0.0),
                {"type": "reasoning.text", "signature": "sig", "index": 0.0},
            ],
            [text("a", index=0.0, signature="sig")],
            id="a-signature-that-comes-last",
        ),
        pytest.param(
            [text("a", index=0), text("b", index=1)],
            [text("a", index=0), text("b", index=1)],
            id="two-items",
        ),
        pytest.param([text("a"), text("b")], [text("a"), text("b")], id="no-index"),
        pytest.param(
            [text("a", index=0), text("b", index=1), text("c", index=0)],
            [text("a", index=0), text("b", index=1), text("c", index=0)],
            id="not-beside-each-other",
        ),
        pytest.param(
            [
                {"type": "reasoning.summary", "summary": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "x", "index": 0},
            ],
            [
                {"type": "reasoning.summary", "summary": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "x", "index": 0},
            ],
            id="two-types-at-one-index",
        ),
        pytest.param(
            [text("a", index=0, id="one"), text("b", index=0, id="two")],
            [text("a", index=0, id="one"), text("b", index=0, id="two")],
            id="two-ids-at-one-index",
        ),
        pytest.param(["odd", text("a", index=0)], ["odd", text("a", index=0)], id="no-object"),
    ],
)
def test_fragments_of_one_item_are_joined(details: list, expected: list) -> None:
    """Servers take an item as it was before it was streamed, and refuse or ignore its fragments."""
    given = deepcopy(details)
    assert joined_details(details) == expected
    assert details == given


def test_whole_items_stay_as_they_are() -> None:
    """What has been joined once comes out the same, so our own answers go back unmodified."""
    whole = joined_details([text("a", index=0), text("b", index=0), text("c", index=1)])
    assert joined_details(whole) == whole
