"""Hold back the start of an answer while it may be white space or a repeat of the reasoning."""

from __future__ import annotations


class AnswerStart:
    """Holds back white space before a tool call, and reasoning that is sent again as the answer.

    Qwen writes line breaks before a call, which user interfaces would draw as an empty message;
    some servers repeat reasoning that the token limit cut as the content. Text is held back as long
    as it may be either: docs/quirks.md#reasoning-left-in-the-answer.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._is_blank = True
        self._reasoning = ""
        self._matched = 0

    def feed(self, text: str, reasoning: list[str]) -> str:
        """Add the next text; return the text held back so far once it is surely an answer."""
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
        """Return the text that is held back."""
        return "".join(self._parts)

    def finish(self, *, truncated: bool, has_calls: bool) -> str:
        """Return the part of the text held back that is an answer."""
        is_repeat = bool(self._reasoning) and self._matched == len(self._reasoning)
        if (truncated and is_repeat) or (has_calls and self._is_blank):
            return ""
        return self.held()
