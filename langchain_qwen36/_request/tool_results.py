"""Pair the tool calls of a history with their results, in the order of the calls.

Qwen's chat template writes results by position, without ids, so the n-th must answer the n-th call.
See docs/quirks.md#tool-results-are-read-by-position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_qwen36._request.history_policy import HistoryPolicy

Wire = dict[str, Any]

NO_RESULT = "Error: this tool call was interrupted and has no result."


class PendingCall(NamedTuple):
    """A tool call that waits for its result."""

    history_id: str
    wire_id: str
    name: str
    broken: bool


class ToolResults:
    """The calls of the newest assistant message, and their results so far."""

    def __init__(self, policy: HistoryPolicy) -> None:
        self._policy = policy
        self._assistant: Wire = {}
        self.pending: Sequence[PendingCall] = ()
        """The calls that wait for their results, or have them and are not closed."""
        self._results: dict[str, Wire] = {}
        self._placeholders: dict[str, Wire] = {}
        """Error results by id, for calls without a result when the history went on."""

    def open(self, assistant: Wire, calls: Sequence[PendingCall]) -> None:
        """Expect the results of an assistant message's calls."""
        self._assistant, self.pending, self._results = assistant, calls, {}

    def claim(self, call_id: str) -> PendingCall:
        """Return the call that a result belongs to.

        Raises:
            MessageError: there is no such call, or it already has its result.
        """
        for call in self.pending:
            if call.history_id == call_id and call.wire_id not in self._results:
                return call
        if call_id in self._placeholders:
            placeholder = self._placeholders[call_id]
            return PendingCall(call_id, placeholder["tool_call_id"], "", broken=False)
        raise MessageError(
            f"A ToolMessage answers {call_id!r}, but no such call waits right before it: keep "
            "the AIMessage with that tool call, once, in front of its results."
        )

    def add(self, call: PendingCall, content: Any) -> None:
        """Add the result of a claimed call; a late one replaces its error result."""
        result = {"role": "tool", "tool_call_id": call.wire_id, "content": content}
        late = None if call in self.pending else self._placeholders.pop(call.history_id, None)
        if late is None:
            self._results[call.wire_id] = result
            return
        late |= result
        self._policy.adapt(
            "tool_results",
            f"The late result of call {call.history_id!r} was moved behind its call.",
        )

    def close(self) -> list[Wire]:
        """Return the results in the order of the calls, each call with one.

        A broken call without a result was never run, and is removed from its message.

        Raises:
            MessageError: a call has no result, and the policy is strict.
        """
        if not self.pending:
            return []
        calls, self.pending = self.pending, ()
        unanswered = [call for call in calls if call.wire_id not in self._results]
        if dropped := {call.wire_id for call in unanswered if call.broken}:
            self._drop(dropped)
        if missing := [call for call in unanswered if not call.broken]:
            self._fill(missing)
        return [self._results[c.wire_id] for c in calls if c.wire_id in self._results]

    def _drop(self, wire_ids: set[str]) -> None:
        kept = [call for call in self._assistant["tool_calls"] if call["id"] not in wire_ids]
        if kept:
            self._assistant["tool_calls"] = kept
        else:
            del self._assistant["tool_calls"]

    def _fill(self, missing: Sequence[PendingCall]) -> None:
        names = ", ".join(f"{call.history_id!r} ({call.name})" for call in missing)
        self._policy.adapt(
            "tool_calls",
            f"No ToolMessage answers the tool call {names}: an error result was sent for it.",
            error=f"No ToolMessage answers the tool call {names}: add one for each call right "
            "behind its AIMessage, or take the call out of the history.",
        )
        for call in missing:
            result = {"role": "tool", "tool_call_id": call.wire_id, "content": NO_RESULT}
            self._results[call.wire_id] = self._placeholders[call.history_id] = result
