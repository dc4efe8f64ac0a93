"""Warn about changed settings: at the user's line, once for each line and kind."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from langchain_qwen36._user_line import user_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._user_line import Line

_SILENCE = "warnings.simplefilter('ignore', langchain_qwen36.QwenWarning)"
_REMEMBERED_FILTERS = 8
"""How many lists of warning filters are remembered: nested `catch_warnings` blocks."""


class QwenWarning(UserWarning):
    """A setting was changed before sending; also listed in `response_metadata["notes"]`."""


_given: list[tuple[object, set[tuple[Line | None, str]]]] = []
"""For each list of warning filters: the lines and kinds of the warnings given while it was
active."""


def warn_of_changes(notes: Mapping[str, str], made_at: Line | None = None) -> None:
    """Give one `QwenWarning` for each note that this line of the user has not been given yet.

    Python's own "once for each line" is forgotten whenever any library changes a filter, which
    langchain-core does in many calls, so an agent's loop would repeat every warning. What was given
    is kept with the list of filters instead: a `catch_warnings` block starts anew.

    Args:
        notes: What was changed, by the setting's name.
        made_at: The line that made the model, for calls without a line of the user on the stack.

    Raises:
        QwenWarning: the user's filters turn warnings into errors.
    """
    line = user_line(made_at)
    given = _given_under_these_filters()
    for setting, note in notes.items():
        kind = f"{setting}: {note}"
        # A warning given at the model's line is not repeated at a line found later in the same
        # loop.
        if (line, kind) in given or (made_at, kind) in given:
            continue
        text = f"{note} (To silence this: {_SILENCE})"
        warnings.warn_explicit(text, QwenWarning, *line[:2], module=line.module)
        given.add((line, kind))


def _given_under_these_filters() -> set[tuple[Line | None, str]]:
    for filters, given in _given:
        if filters is warnings.filters:
            return given
    new: set[tuple[Line | None, str]] = set()
    _given.append((warnings.filters, new))
    del _given[:-_REMEMBERED_FILTERS]
    return new
