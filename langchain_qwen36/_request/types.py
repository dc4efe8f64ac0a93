"""What the pure core takes and gives: settings in, a body out; payloads in, deltas out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages.ai import UsageMetadata

    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

PROVIDER = "qwen36"
"""The one name for ls_provider, model_provider and the block translator (T18)."""

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Replay = Literal["tool_loop", "all", "never"]
ForcedToolChoice = Literal["disable_thinking", "auto", "error"]
PromptCache = Literal["auto", "system"]
Prose = Literal["text", "reasoning"]
ToolChoice = Literal["auto", "none", "required"] | dict[str, Any]


Price = Callable[
    ["UsageMetadata | None", "Mapping[str, Any]", "bool | None"], "dict[str, Any] | None"
]
"""Prices an answer by its usage, its response_metadata, and whether thinking was on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thinking:
    """What the user said of thinking; None is nothing."""

    enabled: bool | None = None
    budget: int | None = None
    effort: Effort | None = None
    preserve: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One call's settings, merged from the constructor and the call."""

    model: str
    """The id as the user wrote it."""
    wire_model: str
    """The gateway's spelling of it."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Sampling, limits and the like under their wire names; nothing in it is None."""
    thinking: Thinking = Thinking()
    tools: Sequence[Mapping[str, Any]] = ()
    """Tools in wire form."""
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    answer_tool: str | None = None
    """A bound tool that only carries the answer's schema; it may be forced in another's stead."""
    response_format: Mapping[str, Any] | None = None
    json_hint: Mapping[str, Any] | None = None
    """JSON schema of the wanted answer, told in words where `response_format` cannot carry it."""
    forced_tool_choice: ForcedToolChoice = "disable_thinking"
    replay_reasoning: Replay = "tool_loop"
    stream_usage: bool = True
    prompt_cache: PromptCache | None = None
    force: bool = False
    """Whether an image, a video or a sound goes to a model that is known not to take it."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Goes over everything else, untouched."""
    tell_headers: bool = False
    """Whether the answer's headers go to response_metadata["headers"]."""
    price: Price | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A body, and what the reader of the answer must know of it."""

    body: dict[str, Any]
    gateway: Gateway
    model: Model | None
    """The catalogue's row of the model; None when it is unknown."""
    requested_model: str
    """The id as the user wrote it: the name under which the call is priced (P44)."""
    thinking: bool | None
    """Whether thinking is on in this body; None when neither body nor catalogue says."""
    tools: Mapping[str, Mapping[str, Any]]
    """JSON schema of the parameters of each bound tool, by name (P24, P70)."""
    notes: Mapping[str, str]
    """What was done otherwise than asked, by setting; goes to response_metadata["notes"]."""
    ask_again_without_thinking: bool = False
    """A forced call went out as "auto": invoke asks once more if no call comes back."""
    answer_tool: str | None = None
    """The tool that is named then: the caller's settings know it to be harmless."""
    tell_headers: bool = False
    used_ids: frozenset[str] = frozenset()
    """Ids of the tool calls in the history, so that an answer never uses one again (P23)."""
    price: Price | None = None
    """The result goes to response_metadata["cost"]."""


class Delta(NamedTuple):
    """One piece of one choice of an answer; one kind of payload each (T7)."""

    kind: Literal["text", "reasoning", "tool_call", "logprobs"]
    choice: int
    """Index of the choice; 0 unless n > 1."""
    text: str
    """Text, thoughts, or a piece of a tool call's arguments."""
    call: int = 0
    """Our own number of the tool call, from 0."""
    id: str | None = None
    """Of the tool call, on its first delta only (T6)."""
    name: str | None = None
    """Of the tool call, on its first delta only (T6)."""
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Meta:
    """What the transport knows of an answer."""

    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    attempts: int = 1
