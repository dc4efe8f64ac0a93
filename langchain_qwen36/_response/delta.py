"""The increment that one event of a stream adds to a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TextKind = Literal["text", "reasoning"]


class Delta(NamedTuple):
    """One increment of one choice of an answer; it carries one kind of payload."""

    kind: Literal["text", "reasoning", "tool_call", "logprobs"]
    choice: int
    """Index of the choice; 0 unless n > 1."""
    text: str
    """Text, reasoning, or an increment of a tool call's arguments."""
    tool_call_index: int = 0
    """Our own number of the tool call, from 0."""
    id: str | None = None
    """The tool call's id, on its first delta only."""
    name: str | None = None
    """The tool call's name, on its first delta only."""
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TransportInfo:
    """What the transport adds to a response's metadata."""

    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers with lower-case names."""
    attempts: int = 1
    failed_attempts: Sequence[Mapping[str, Any]] = ()
    """Attempts before the last one that the gateway may bill, as `response_metadata` shows them."""
