"""Hold the start of an answer while it may be white space or a repeat of the reasoning."""

from __future__ import annotations


class AnswerStart:
    """White space before a tool call, or the reasoning sent once more as the answer.

    Qwen writes line breaks before a call, which user interfaces would draw as an empty message;
    some servers repeat reasoning that the token limit cut as the content. Text is held for as
    long as it may be either: docs/quirks.md#reasoning-left-in-the-answer.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._is_blank = True
        self._reasoning = ""
        self._matched = 0

    def feed(self, text: str, reasoning: list[str]) -> str:
        """Take the next text; return what is held and the text once it is an answer."""
        self._parts.append(text)
        if self._is_blank:
            text = text.lstrip()
            if not text:
                return ""
            self._is_blank = False
            self._reasoning = "".join(reasoning).strip()
        if text and self._reasoning.startswith(text, self._matched):
            self._matched += len(text)
            return ""
        return self.held()

    def held(self) -> str:
        """Return what is held back."""
        return "".join(self._parts)

    def finish(self, *, truncated: bool, has_calls: bool) -> str:
        """Return what of the held text is an answer."""
        is_repeat = bool(self._reasoning) and self._matched == len(self._reasoning)
        if (truncated and is_repeat) or (has_calls and self._is_blank):
            return ""
        return self.held()
