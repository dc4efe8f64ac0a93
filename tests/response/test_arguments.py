"""Arguments of a tool call that a server sends whole, several times."""

from __future__ import annotations

import pytest

from langchain_qwen36._response.arguments import Arguments


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        pytest.param('{"a": 1, "b": 2}', True, id="another-key"),
        pytest.param('{"a": 2}', False, id="another-number"),
        pytest.param('{"a": 1}', False, id="the-same"),
        pytest.param("[1]", False, id="no-object"),
    ],
)
def test_a_later_state_of_an_object_holds_all_of_it(piece: str, expected: bool) -> None:
    """An object after a complete one replaces it only where it has all that the first had."""
    arguments = Arguments()
    arguments.add('{"a": 1}')
    assert expected == arguments.is_outgrown_by(piece)
