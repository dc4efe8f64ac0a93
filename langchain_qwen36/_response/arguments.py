"""Collect the arguments of one tool call: increments, snapshots, and their parsed value."""

from __future__ import annotations

import json
import re
from typing import Any

from langchain_qwen36._response.model_json import NOT_JSON, find_json, is_prefix, loads

_STRUCTURE = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class Arguments:
    """JSON text that grows, at a cost linear in its length.

    Arguments that were complete in their first piece are held back until the answer ends: servers
    send `{}` as a placeholder, or growing objects, and text that the caller has cannot be taken
    back.
    """

    __slots__ = (
        "_closed",
        "_cumulative",
        "_depth",
        "_escaped",
        "_first",
        "_in_string",
        "_overrun",
        "_pieces",
        "_size",
        "_value",
        "is_streaming",
    )

    def __init__(self) -> None:
        self.is_streaming = False
        """Whether pieces are passed on as they come."""
        self._cumulative = False
        self._start()

    def _start(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._first = ""
        self._depth = 0
        self._in_string = self._escaped = self._closed = self._overrun = False
        self._value: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """Return the text so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def is_empty(self) -> bool:
        """Whether only white space came."""
        return not self._first

    @property
    def is_object(self) -> bool:
        """Whether the text begins like an object."""
        return self._first == "{"

    @property
    def value(self) -> dict[str, Any] | None:
        """The object, once its last bracket is closed and nothing else follows."""
        if not self._closed or self._overrun:
            return None
        if self._value is None:
            self._value = as_object(self.text)
            self._overrun = self._value is None
        return self._value

    @property
    def is_complete(self) -> bool:
        """Whether the text is one complete object."""
        return self.value is not None

    def add(self, piece: str) -> str:
        """Add the text of a delta; return the text to pass on now."""
        new = self._new_in(piece)
        if new is None:
            self.replace(piece)
            return self._released(is_first=True)
        is_first = self.is_empty
        self._append(new)
        if self.is_streaming:
            return new
        return self._released(is_first=is_first)

    def replace(self, text: str) -> None:
        """Replace everything that came before."""
        self._start()
        self._append(text)

    def is_outgrown_by(self, piece: str) -> bool:
        """Return whether an object that follows this complete one is a later state of it."""
        old, new = self.value, as_object(piece)
        if old is None or self.is_streaming or piece.lstrip()[:1] != "{":
            return False
        if new is None:
            return not old or piece.startswith(self.text.rstrip()[:-1])
        return new != old and _has_grown(old, new)

    def _released(self, *, is_first: bool) -> str:
        """Return the whole text once it is clear that it grows in increments."""
        if self._first != "{" or (is_first and self.is_complete):
            return ""
        self.is_streaming = True
        return self.text

    def _new_in(self, piece: str) -> str | None:
        """Return what a piece adds; None if it replaces everything before."""
        if self._first != "{" or piece.lstrip()[:1] != "{":
            return piece
        if self.is_complete:
            return self._after_the_end(piece)
        if len(piece) < self._size or not self._is_snapshot(piece):  # a snapshot never shrinks
            return piece
        self._cumulative = True
        return piece[self._size :]

    def _is_snapshot(self, piece: str) -> bool:
        """Return whether a piece repeats the text before it, and does not continue it."""
        if not piece.startswith(self.text):
            return False
        return self._cumulative or (is_prefix(piece) and not is_prefix(self.text + piece))

    def _after_the_end(self, piece: str) -> str | None:
        """Read a piece behind a complete object: the same object, `{}`, or its later state."""
        if as_object(piece) in ({}, self.value):
            return ""
        return None if self.is_outgrown_by(piece) else piece

    def _append(self, piece: str) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if not self._first:
            self._first = piece.lstrip()[:1]
        if self._first == "{":
            self._scan(piece)

    def _scan(self, piece: str) -> None:
        """Track strings and brackets, to know the end without parsing."""
        if self._closed:
            self._overrun = self._overrun or bool(piece.strip())
            return
        start = 1 if self._escaped and piece else 0
        self._escaped = False
        for match in _STRUCTURE.finditer(piece, start):
            char = match[0]
            if char[0] == "\\":
                self._escaped = len(char) == 1
            elif char == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if char in "{[" else -1
                if self._depth == 0:
                    self._closed = True
                    self._overrun = bool(piece[match.end() :].strip())
                    return


def as_object(raw: str) -> dict[str, Any] | None:
    """Return the JSON object in `raw`, read as leniently as langchain-core reads it, else None."""
    value = loads(raw)
    return value if isinstance(value, dict) else None


def decode_arguments(raw: str, *, cut: bool) -> str:
    """Return the object in arguments that may not begin like one: nothing, null, JSON in JSON."""
    text = raw.strip()
    if not text:
        return "" if cut else "{}"
    if text == "null":
        return "{}"
    if text.startswith("```"):
        fenced = find_json(text)
        return json.dumps(fenced, ensure_ascii=False) if isinstance(fenced, dict) else raw
    inner = loads(text)
    if not isinstance(inner, str):
        return raw
    if inner.strip() in ("", "null"):
        return "{}"
    return inner if as_object(inner) is not None else raw


def unrepairable_suffix(raw: str) -> str:
    r"""Return what to append to arguments so that langchain-core does not repair them.

    Core's `parse_partial_json` reads merged chunks; it closes what is open but gives up at a
    closing bracket that matches nothing: so an open string is closed and a wrong bracket appended.
    The suffix is empty if core gives up anyway, or reads something that is no object.

    >>> unrepairable_suffix('{"city": "Par')
    '"]'
    """
    value = loads(raw)
    if value is not NOT_JSON and not isinstance(value, dict):
        return ""
    brackets: list[str] = []
    in_string = escaped = False
    for char in raw:
        if in_string:
            if escaped or char == "\\":
                escaped = not escaped
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "{[":
            brackets.append("}" if char == "{" else "]")
        elif char in "}]" and (not brackets or brackets.pop() != char):
            return ""
    # A lone backslash at the end would escape the first of the two quotes.
    quotes = ('""' if escaped else '"') if in_string else ""
    return quotes + ("]" if brackets and brackets[-1] == "}" else "}")


def _has_grown(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and _has_grown(value, new[key]) for key, value in old.items())
    if isinstance(old, str) and isinstance(new, str):
        return new.startswith(old)
    return bool(old == new)
