"""Collect the reasoning of one choice, under whichever names a server sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.reasoning_details import ReasoningDetails
from langchain_qwen36._response.content_parts import text_of
from langchain_qwen36._response.delta import Delta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._request.types import Request

REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_text")
"""Names of the reasoning in a delta or message; the first with a value counts, since some servers
send two: docs/quirks.md#names-of-the-reasoning-field."""
_BUDGET_FIELDS = (
    "thinking_budget",
    "thinking_budget_tokens",
    "reasoning_budget_tokens",
    "thinking_token_budget",
)


class Reasoning:
    """The reasoning of one choice.

    If thinking is off, reasoning stays pending until it is clear what it is: some servers then send
    the answer as reasoning.
    """

    def __init__(self, request: Request) -> None:
        self.pieces: list[str] = []
        self.details = ReasoningDetails()
        self._pending: list[str] | None = [] if request.thinking is False else None
        self._budget = thinking_budget_in(request.body)
        self._field = ""
        self._repeated: dict[str, int] = {}
        self._chars = 0

    def append(self, text: str) -> None:
        """Add more text of `reasoning_content`, while `is_plain`."""
        self._field = "reasoning_content"
        self.pieces.append(text)
        self._chars += len(text)

    @property
    def is_plain(self) -> bool:
        """Whether more text of `reasoning_content` is reasoning and nothing else."""
        return (
            self._field in ("", "reasoning_content")
            and self._pending is None
            and not self._repeated
        )

    @property
    def has_budget(self) -> bool:
        """Whether the request limits the reasoning tokens."""
        return self._budget is not None

    @property
    def may_be_cut(self) -> bool:
        """Whether the reasoning is so long that its token budget may have cut it.

        A token has at least one character, so shorter reasoning was not cut.
        """
        return self._budget is not None and self._chars >= self._budget

    def new_in(self, delta: Mapping[str, Any]) -> str:
        """Return a delta's new reasoning under any name; the same text under several counts once.

        The text is not collected yet: `add` does that, after the content that is held back.
        """
        details = delta.get("reasoning_details")
        text = self.details.add(as_list(details)) if details else ""
        field = "reasoning_details"
        for name in REASONING_FIELDS:
            if (value := delta.get(name)) and (named := text_of(value)):
                field, text = name, named
                break
        if not text:
            return ""
        self._field = self._field or field
        if field != self._field:
            text = self._unrepeated(field, text)
        self._chars += len(text)
        return text

    def add(self, text: str) -> list[Delta]:
        """Collect reasoning; return its delta, none while it is pending."""
        if not text:
            return []
        if self._pending is not None:
            self._pending.append(text)
            return []
        self.pieces.append(text)
        return [Delta("reasoning", 0, text)]

    def settle(self) -> str:
        """Return the pending text; later reasoning is reasoning."""
        pending, self._pending = "".join(self._pending or ()), None
        return pending

    def collected(self) -> list[str]:
        """Return all pieces, including the pending ones."""
        return [*self.pieces, *(self._pending or ())]

    def _unrepeated(self, field: str, text: str) -> str:
        """Return reasoning in a second field, unless the first one held the same."""
        self.pieces = ["".join(self.pieces)]
        at = self._repeated.setdefault(field, 0)
        self._repeated[field] = at + len(text)
        return "" if self.pieces[0].startswith(text, at) else text


def thinking_budget_in(body: Mapping[str, Any]) -> int | None:
    """Return the budget of reasoning tokens that a request sends; None if it sends none."""
    for field in _BUDGET_FIELDS:
        if isinstance(budget := body.get(field), int):
            return budget
    return None


def as_list(value: Any) -> list[Any]:
    """Return a list, or a list of the one item that some servers send without a list around it."""
    return value if isinstance(value, list) else [value]
