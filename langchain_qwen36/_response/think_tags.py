"""Split reasoning between `<think>` tags from the answer, however chunks cut it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, assert_never

if TYPE_CHECKING:
    from collections.abc import Callable

_OPEN = "<think>"
_CLOSE = "</think>"
# Most space before a tag, and most newlines before the closing one that belong to it: without
# limits, a model that writes newlines forever would cost time squared.
_MAX_SPACE = 64
_MAX_NEWLINES = 2
MAX_HELD_CHARS = 4_000
"""Most characters held back that may be leftover reasoning, if the server sent reasoning itself."""


_MAX_REPEATED_CHARS = 50_000
"""Most characters of reasoning that a server may send again between tags."""


_MAX_GAPS = 8
"""Leftover tags in a row that are dropped, or quoted; more of them are the model's text."""


class Split(NamedTuple):
    """The part of the text that is decided, as reasoning and content."""

    reasoning: str
    content: str


_NOTHING = Split("", "")


class ThinkTagSplitter:
    """Reads the start of one answer's content; its work ends where the answer begins.

    Paired tags count only at the very start, and a closing tag there is never shown. With `lone`,
    text before a `</think>` that was never opened is reasoning too: the chat template opened it in
    the prompt. Such text is held back until the tag comes or the answer ends, since until then it
    may be either. Once `done`, the text is no longer searched, so that a literal tag in the answer
    stays. After the reasoning a further pair of tags counts only if it is blank, begins with a line
    break, or repeats what is known: docs/quirks.md#reasoning-left-in-the-answer. A pair on one line
    of lone text is a quotation.

    Args:
        lone: Whether the server may leave out the opening tag.
        known: Returns the reasoning so far.
    """

    def __init__(self, *, lone: bool, known: Callable[[], str] = str) -> None:
        self._lone = lone
        self._known = known
        self._state: Literal["start", "thinking", "lone", "gap", "again", "done"] = "start"
        self._begun = False
        self._max_held: int | None = None
        self._held = ""
        # The pieces of lone text, which may be long; `_held` is its tail only.
        self._parts: list[str] = []
        self._size = 0
        self._gaps = 0
        self._quoted_to = 0

    @property
    def done(self) -> bool:
        """Whether all further text is the answer."""
        return self._state == "done"

    def reasoning_came(self, *, was_cut: bool) -> Split:
        """Record reasoning that came outside the content; return the text held back before it.

        Args:
            was_cut: Whether a thinking budget may have ended it: llama.cpp then writes the rest of
                the reasoning, and its closing tag on a line of its own, into the content.
        """
        if self._state == "start" and not self._held.strip():
            self._state, self._parts, self._held = "again", [self._held], ""
        if self._state == "again" and not "".join(self._parts).strip():
            self._lone, self._max_held = was_cut, MAX_HELD_CHARS
            return _NOTHING
        return self.finish()

    @property
    def is_untouched(self) -> bool:
        """Whether reasoning came, and no content since."""
        return self._state == "again" and self._parts == [""]

    def feed(self, text: str) -> Split:
        """Add a piece of content; return the part that is decided by it."""
        match self._state:
            case "start":
                return self._start(self._held + text)
            case "thinking":
                return self._thinking(self._held + text)
            case "lone":
                return self._lone_tag(text)
            case "gap":
                return self._gap(text)
            case "again":
                return self._again(text)
            case "done":
                return Split("", text)
            case never:
                assert_never(never)

    def held(self) -> Split:
        """Return the text held back, split as it would be if the answer ended here."""
        match self._state:
            case "start":
                return Split("", self._held)
            case "thinking":
                return Split(self._held, "")
            case "lone" | "again":
                return Split("", "".join(self._parts))
            case "gap" | "done":
                return _NOTHING
            case never:
                assert_never(never)

    def finish(self) -> Split:
        """Return the text held back; everything after it is answer."""
        return self._end(self.held())

    def _end(self, split: Split) -> Split:
        self._state = "done"
        self._clear()
        return split

    def _clear(self) -> None:
        self._held = ""
        self._parts = []
        self._size = self._quoted_to = 0

    def _start(self, text: str) -> Split:
        shown = text.lstrip()
        near = len(text) - len(shown) <= _MAX_SPACE
        if near and (_OPEN.startswith(shown) or _CLOSE.startswith(shown)) and shown != _CLOSE:
            self._held = text
            return _NOTHING
        if near and shown.startswith(_CLOSE):
            self._clear()
            return self._gap(shown[len(_CLOSE) :])
        if near and shown.startswith(_OPEN):
            self._state = "thinking"
            return self._thinking(shown[len(_OPEN) :])
        self._clear()
        if self._lone:
            self._state = "lone"
            return self._lone_tag(text)
        return self._end(Split("", text))

    def _thinking(self, text: str) -> Split:
        if not self._begun:
            text = text.lstrip("\n")
        thought, tag, rest = text.partition(_CLOSE)
        if tag:
            self._clear()
            split = self._gap(rest)
            thought = thought[: len(thought) - _newlines(thought)]
            return Split(thought + split.reasoning, split.content)
        end = len(text) - _tail(text)
        self._held = text[end:]
        self._begun = self._begun or end > 0
        return Split(text[:end], "")

    def _lone_tag(self, text: str) -> Split:
        window = self._held + text
        self._parts.append(text)
        self._size += len(text)
        if _CLOSE in window and (at := self._close_in("".join(self._parts))) is not None:
            whole = "".join(self._parts)
            before, rest = whole[:at], whole[at + len(_CLOSE) :]
            own_line = before.rstrip(" ")[-1:] in ("", "\n") and len(before) <= MAX_HELD_CHARS
            if own_line or self._max_held is None:
                self._clear()
                split = self._gap(rest)
                return Split(before.strip("\n") + split.reasoning, split.content)
            return self.finish()
        too_long = self._max_held is not None and self._size > self._max_held
        if too_long or self._gaps > _MAX_GAPS:
            return self.finish()
        self._held = window.rpartition(_CLOSE)[2][-len(_CLOSE) + 1 :]
        return _NOTHING

    def _close_in(self, text: str) -> int | None:
        """Return where the closing tag of the reasoning is; one in a quoted pair is none."""
        while (at := text.find(_CLOSE, self._quoted_to)) >= 0:
            line = max(text.rfind("\n", 0, at) + 1, self._quoted_to)
            if _OPEN not in text[line:at]:
                return at
            self._gaps += 1
            self._quoted_to = at + len(_CLOSE)
        return None

    def _gap(self, text: str) -> Split:
        """Drop the newlines that Qwen's template puts between the tag and the answer."""
        self._state = "gap"
        answer = text.lstrip("\n")
        if not answer:
            return _NOTHING
        self._gaps += 1
        if self._gaps > _MAX_GAPS:
            return self._end(Split("", answer))
        self._state = "again"
        return self._again(answer)

    def _again(self, text: str) -> Split:
        """Look for leftover tags, or for a pair that repeats what is known."""
        held = "".join([*self._parts, text])
        shown = held.lstrip()
        if len(held) - len(shown) > _MAX_SPACE:
            return self._end(Split("", held))
        if shown.startswith(_CLOSE):
            self._clear()
            return self._gap(shown[len(_CLOSE) :])
        if shown.startswith(_OPEN):
            return self._pair(shown, held)
        if _OPEN.startswith(shown) or _CLOSE.startswith(shown):
            self._parts = [held]
            return _NOTHING
        if self._lone and self._max_held is not None:
            self._lone, self._state = False, "lone"
            self._clear()
            return self._lone_tag(held)
        return self._end(Split("", held))

    def _pair(self, shown: str, held: str) -> Split:
        inner, tag, rest = shown[len(_OPEN) :].partition(_CLOSE)
        known = self._known().strip()
        received = inner if tag else inner[: len(inner) - _tail(inner)]
        is_repeat = known.startswith(received.strip())
        max_chars = MAX_HELD_CHARS + min(len(known), _MAX_REPEATED_CHARS)
        if len(inner) > max_chars or not (is_repeat or inner.startswith("\n")):
            return self._end(Split("", held))
        if not tag:
            self._parts = [held]
            return _NOTHING
        self._clear()
        split = self._gap(rest)
        return Split(("" if is_repeat else inner.strip("\n")) + split.reasoning, split.content)


def _tail(text: str) -> int:
    """Return how many characters at the end may belong to a closing tag or its newlines."""
    for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if _CLOSE.startswith(text[-size:]):
            return size + _newlines(text[:-size])
    return _newlines(text)


def _newlines(text: str) -> int:
    """Return how many newlines at the end belong to the template, not to the reasoning."""
    end = text[-_MAX_NEWLINES:]
    return len(end) - len(end.rstrip("\n"))
