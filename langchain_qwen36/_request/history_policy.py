"""Adapt what servers refuse in a history, or raise an error if `strict_history` is set."""

from __future__ import annotations

from typing import Literal

from langchain_qwen36.errors import MessageError

Adaptation = Literal[
    "last_message",  # the history ends with the assistant: a user message is added
    "system_message",  # nothing but system messages: the last one is sent as the user's
    "user_message",  # no user message at all: one is added in front
    "tool_calls",  # a call without a result gets an error result
    "tool_results",  # a late result is moved behind its call
    "tool_names",  # a name that the server refuses is replaced in the history
    "message_names",  # the same for a message's own name
    "content",  # blocks that only another vendor can read are left out
    "tool_arguments",  # NaN or infinity in the arguments that a model wrote is sent as null
]


class HistoryPolicy:
    """Collects the changes made to one history; a strict policy raises instead."""

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.notes: dict[str, str] = {}
        """Notes on the changes, by `Adaptation`."""

    def adapt(self, kind: Adaptation, note: str, *, error: str | None = None) -> None:
        """Note one change.

        Args:
            kind: What is changed; one note of each kind is kept.
            note: The sentence for `response_metadata["notes"]`.
            error: The text of the error of a strict policy; None: a strict policy changes it too.

        Raises:
            MessageError: the policy is strict.
        """
        if self.strict and error is not None:
            raise MessageError(error)
        self.notes.setdefault(kind, note)
