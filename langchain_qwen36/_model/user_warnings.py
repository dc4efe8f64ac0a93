"""Warn about changed settings: at the user's line, once for each line and kind."""

from __future__ import annotations

import sys
import sysconfig
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_SILENCE = "warnings.simplefilter('ignore', langchain_qwen36.QwenWarning)"
_REMEMBERED_FILTERS = 8
"""Lists of warning filters whose given warnings are remembered: nested `catch_warnings` blocks."""


class QwenWarning(UserWarning):
    """A setting was changed before sending; also listed in `response_metadata["notes"]`."""


class _Line(NamedTuple):
    filename: str
    lineno: int
    module: str


_given: list[tuple[object, set[tuple[_Line, str]]]] = []
"""For each list of warning filters: where and of which kinds was warned while it held."""


def warn_of_changes(notes: Mapping[str, str]) -> None:
    """Give one `QwenWarning` for each note that this line of the user has not been given yet.

    Python's own "once for each line" is forgotten whenever any library changes a filter, which
    langchain-core does in many calls, so an agent's loop would repeat every warning. What was given
    is kept with the list of filters instead: a `catch_warnings` block begins anew.

    Args:
        notes: What was changed, by the setting's name.

    Raises:
        QwenWarning: the user's filters turn warnings into errors.
    """
    line = _user_line()
    given = _given_under_these_filters()
    for setting, note in notes.items():
        kind = f"{setting}: {note}"
        if (line, kind) in given:
            continue
        text = f"{note} (To silence this: {_SILENCE})"
        warnings.warn_explicit(text, QwenWarning, *line[:2], module=line.module)
        given.add((line, kind))


def _given_under_these_filters() -> set[tuple[_Line, str]]:
    for filters, given in _given:
        if filters is warnings.filters:
            return given
    new: set[tuple[_Line, str]] = set()
    _given.append((warnings.filters, new))
    del _given[:-_REMEMBERED_FILTERS]
    return new


def _user_line() -> _Line:
    """Find the innermost line that is neither ours, nor installed, nor the standard library's.

    A thread or task of an agent has none; Python's own stand-in `sys` is returned then.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(_library_folders()):
            return _Line(filename, frame.f_lineno, frame.f_globals.get("__name__") or "<unknown>")
        frame = frame.f_back
    return _Line("sys", 0, "sys")


@cache
def _library_folders() -> tuple[str, ...]:
    """Prefixes of the file names of this package, of installed ones and of the standard library."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names}
    ours = str(Path(__file__).parents[1])
    return ("<frozen ", *(f"{folder}/" for folder in (ours, *sorted(folders))))
