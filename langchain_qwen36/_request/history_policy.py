"""Adapt what a history holds and a server refuses, or refuse it where `strict_history` is set."""

from __future__ import annotations

from typing import Literal

from langchain_qwen36.errors import MessageError

Adaptation = Literal[
    "last_message",  # the history ends with the assistant: a user message is added
    "system_message",  # nothing but system messages: the last one is sent as the user's
    "user_message",  # no user message at all: one is added in front
    "tool_calls",  # a call that nobody answered gets an error result
    "tool_results",  # a result that came late is moved behind its call
    "tool_names",  # a name that the server refuses is replaced in the history
    "message_names",  # the same of a message's own name
    "content",  # blocks that only another vendor can read are left out
    "tool_arguments",  # NaN or infinity in a call's arguments is sent as null
]


class HistoryPolicy:
    """Collects what was changed in one history; a strict one raises instead."""

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.notes: dict[str, str] = {}
        """What was changed, by `Adaptation`."""

    def adapt(self, kind: Adaptation, note: str, *, error: str | None = None) -> None:
        """Note one change.

        Args:
            kind: What is changed; one note is kept of each kind.
            note: The sentence for `response_metadata["notes"]`.
            error: What a strict policy raises; None: the change is made in both.

        Raises:
            MessageError: the policy is strict.
        """
        if self.strict and error is not None:
            raise MessageError(error)
        self.notes.setdefault(kind, note)
