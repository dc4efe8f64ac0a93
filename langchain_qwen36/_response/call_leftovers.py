"""Drop the tags that a server's parser leaves in the text beside the calls that it took out.

See docs/quirks.md#tags-left-beside-tool-calls.
"""

from __future__ import annotations

import re

_NAMES = ("tool_call", "function", "parameter")
_TAGS = tuple(f"<{slash}{name}>" for slash in ("", "/") for name in _NAMES)
_TAG = "|".join(_TAGS)
_LEFTOVERS = re.compile(rf"[\s>]*(?:(?:{_TAG})[\s>]*)*")
"""Tags, and the end of one whose beginning the parser took."""
_AT_END = re.compile(rf"(?:\s*(?:{_TAG}))+\s*$")
_MAX_HELD = 256
"""Most characters held back; a model that writes more of them means them."""


class CallLeftovers:
    """Holds back text behind structured calls while it is nothing but leftover tags."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Add text that came after a call; return the part that is surely an answer."""
        held, self._held = self._held + text, ""
        match = _LEFTOVERS.match(held)
        end = 0 if match is None else match.end()
        rest = held[end:]
        is_short = len(held) <= _MAX_HELD
        if is_short and any(tag.startswith(rest) for tag in _TAGS):
            self._held = held
            return ""
        return rest if is_short and "<" in held[:end] else held

    def held(self) -> str:
        """Return the text held back that is an answer if no more comes."""
        return "" if "<" in self._held else self._held

    def finish(self) -> str:
        """Return the text held back that is an answer."""
        text, self._held = self.held(), ""
        return text


def without_leftovers(text: str) -> str:
    """Return the text beside the calls of one message without the tags at its end.

    A call that stands in the text as a whole stays.
    """
    _, opened, inner = text.rpartition("<tool_call>")
    if "<function=" in text or (opened and "{" in inner):
        return text
    match = _AT_END.search(text, max(len(text) - _MAX_HELD, 0))
    return text if match is None else text[: match.start()]
