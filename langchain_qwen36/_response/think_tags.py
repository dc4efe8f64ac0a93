"""Splits thoughts between `<think>` tags from the answer, whatever the chunks are (P15)."""

from __future__ import annotations

from typing import Literal, NamedTuple, assert_never

_OPEN = "<think>"
_CLOSE = "</think>"
# How much space may stand before the opening tag, and how many newlines before the closing one are
# its own: without bounds, a model that writes newlines for ever would cost time squared.
_MOST_SPACE = 64
_MOST_NEWLINES = 2


class Split(NamedTuple):
    """What can be said of the text so far."""

    reasoning: str
    content: str


_NOTHING = Split("", "")


class ThinkTagSplitter:
    """Reads the start of one answer's content; its work ends where the answer begins.

    Paired tags count only at the very start. With `lone`, text before a `</think>` that was never
    opened is thought too: the chat template opened it in the prompt. Such text is held until the
    tag comes or the answer ends, for until then it may be either. Once `done`, nothing is looked
    at any more, so that a literal tag in the answer stays.
    """

    def __init__(self, *, lone: bool) -> None:
        self._lone = lone
        self._state: Literal["start", "thinking", "lone", "gap", "done"] = "start"
        self._begun = False
        self._held = ""
        # Of lone text, which may be long, the parts; `_held` is its tail only.
        self._parts: list[str] = []

    @property
    def done(self) -> bool:
        """Whether all further text is the answer."""
        return self._state == "done"

    def feed(self, text: str) -> Split:
        """Take a piece of content, give back what is settled by it."""
        match self._state:
            case "start":
                return self._start(self._held + text)
            case "thinking":
                return self._thinking(self._held + text)
            case "lone":
                return self._lone_tag(text)
            case "gap":
                return self._gap(text)
            case "done":
                return Split("", text)
            case never:
                assert_never(never)

    def held(self) -> Split:
        """What is held back, as it would be if the answer ended here."""
        match self._state:
            case "start":
                return Split("", self._held)
            case "thinking":
                return Split(self._held, "")
            case "lone":
                return Split("", "".join(self._parts))
            case "gap" | "done":
                return _NOTHING
            case never:
                assert_never(never)

    def finish(self) -> Split:
        """Give back what is held; everything after it is answer."""
        held = self.held()
        self._state = "done"
        self._held = ""
        self._parts = []
        return held

    def _start(self, text: str) -> Split:
        shown = text.lstrip()
        near = len(text) - len(shown) <= _MOST_SPACE
        if near and _OPEN.startswith(shown):
            self._held = text
            return _NOTHING
        if near and shown.startswith(_OPEN):
            self._state = "thinking"
            return self._thinking(shown[len(_OPEN) :])
        self._held = ""
        if self._lone:
            self._state = "lone"
            return self._lone_tag(text)
        self._state = "done"
        return Split("", text)

    def _thinking(self, text: str) -> Split:
        if not self._begun:
            text = text.lstrip("\n")
        thought, tag, rest = text.partition(_CLOSE)
        if tag:
            self._state = "gap"
            self._held = ""
            return Split(thought[: len(thought) - _newlines(thought)], self._gap(rest).content)
        end = len(text) - _tail(text)
        self._held = text[end:]
        self._begun = self._begun or end > 0
        return Split(text[:end], "")

    def _lone_tag(self, text: str) -> Split:
        window = self._held + text
        if _CLOSE not in window:
            self._parts.append(text)
            self._held = window[-len(_CLOSE) + 1 :]
            return _NOTHING
        thought, _, rest = "".join([*self._parts, text]).partition(_CLOSE)
        self._state = "gap"
        self._held = ""
        self._parts = []
        return Split(thought.strip("\n"), self._gap(rest).content)

    def _gap(self, text: str) -> Split:
        """Drop the newlines that Qwen's template puts between the tag and the answer."""
        answer = text.lstrip("\n")
        if answer:
            self._state = "done"
        return Split("", answer)


def _tail(text: str) -> int:
    """How many characters at the end may belong to a closing tag or the newlines before it."""
    for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if _CLOSE.startswith(text[-size:]):
            return size + _newlines(text[:-size])
    return _newlines(text)


def _newlines(text: str) -> int:
    """How many newlines at the end are the template's, not the thought's."""
    end = text[-_MOST_NEWLINES:]
    return len(end) - len(end.rstrip("\n"))
