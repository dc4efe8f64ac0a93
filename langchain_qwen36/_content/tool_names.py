"""Make a legal tool name of any text, and match a model's spelling to a bound tool."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What OpenAI's API reference and the strict servers accept as the name of a function."""

_MAX_LENGTH = 64
_MIN_READABLE = 2
"""Fewer legal characters than this do not identify a tool: a digest is added."""


def legal_tool_name(text: str) -> str:
    """Return a name that every server accepts; a legal one is returned as it is.

    Two texts that differ only in what is replaced, or that hold no legal character at all (Chinese
    titles), stay apart by a digest of the whole text.
    """
    if LEGAL.fullmatch(text):
        return text
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")
    if _MIN_READABLE <= len(readable) <= _MAX_LENGTH and text.isascii():
        return readable
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{(readable or 'tool')[: _MAX_LENGTH - 9]}_{digest}"


def match_tool_name(name: str, bound: Collection[str]) -> str | None:
    """Return the bound tool that a model's spelling certainly means; None: there is none.

    White space around the name, other separators (`get-weather`, `getWeather`) and a leading
    namespace (`functions.get_weather`) are ignored if exactly one tool fits.
    """
    if name in bound:
        return name
    for spelling in (name, re.split(r"[.:/]", name.strip())[-1]):
        key = _letters(spelling)
        matches = [tool for tool in bound if _letters(tool) == key]
        if key and len(matches) == 1:
            return matches[0]
    return None


def _letters(name: str) -> str:
    return "".join(char for char in name if char.isalnum()).lower()


def legal_message_name(text: str) -> str:
    """Return a name that a message may carry; empty if nothing legal is left.

    OpenAI's API refuses white space, slashes, `<`, `|` and `>` in the name, and more than 64
    characters.
    """
    return re.sub(r"[\s<|\\/>]+", "_", text).strip("_")[:_MAX_LENGTH]
