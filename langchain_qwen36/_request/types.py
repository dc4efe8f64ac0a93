"""Settings of one call and the request built from them: plain data, without functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from langchain_qwen36._content.tool_names import match_tool_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._content.history import Replay
    from langchain_qwen36._request.choices import Effort, ForcedToolChoice, PromptCache
    from langchain_qwen36.catalog import Model, Offer
    from langchain_qwen36.gateways import Gateway

ToolChoice = Literal["auto", "none", "required"] | dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Thinking:
    """The caller's settings of thinking; None: not set."""

    enabled: bool | None = None
    budget: int | None = None
    effort: Effort | None = None
    preserve: bool | None = None


NO_THINKING_SETTINGS = Thinking()


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One call's settings, merged from the constructor and the call."""

    model: str
    """The id as the user wrote it."""
    wire_model: str
    """The model's id in the gateway's spelling."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Sampling, limits and the like under their wire names; no value is None."""
    thinking: Thinking = NO_THINKING_SETTINGS
    tools: Sequence[Mapping[str, Any]] = ()
    """Tools in wire form."""
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    answer_tool: str | None = None
    """A bound tool that only carries the answer's schema; it may be forced in another's place."""
    response_format: Mapping[str, Any] | None = None
    json_hint: Mapping[str, Any] | None = None
    """JSON schema of the answer, written as text if `response_format` cannot carry it."""
    forced_tool_choice: ForcedToolChoice = "disable_thinking"
    replay_reasoning: Replay = "tool_loop"
    stream_usage: bool = True
    prompt_cache: PromptCache | None = None
    force: bool = False
    """Whether to send an image, a video or a sound to a model that is known not to take it."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Keys that win over everything else."""
    include_headers: bool = False
    """Whether to put the response's headers into response_metadata["headers"]."""
    strict_history: bool = False
    """Whether to refuse, not adapt, a history or a tool name that no server takes."""
    offer: Offer | None = None
    """The price of the answer; None: no price is known."""
    price_discount: float | None = None
    """The share of the list price that the account pays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A body, with the context that is needed to read its response."""

    body: dict[str, Any]
    gateway: Gateway
    model: Model | None
    """The catalogue's row of the model; None if it is unknown."""
    requested_model: str
    """The id as the user wrote it: the name under which the call is priced."""
    thinking: bool | None
    """Whether thinking is on in this body; None if neither body nor catalogue says."""
    tools: Mapping[str, Mapping[str, Any]]
    """JSON schema of the parameters of each bound tool, by the name that is sent."""
    renamed_tools: Mapping[str, str] = field(default_factory=dict)
    """The user's name of each tool that is sent under another one."""
    notes: Mapping[str, str]
    """Notes on settings that were changed before sending; goes to response_metadata["notes"]."""
    retry_if_no_tool_call: bool = False
    """Whether a forced call went out as "auto", so that `invoke` asks again if no tool is
    called."""
    answer_tool: str | None = None
    """The tool that the second request names: the caller's settings say that it does nothing."""
    include_headers: bool = False
    used_ids: frozenset[str] = frozenset()
    """Ids of the tool calls in the history; no answer uses one of them again."""
    offer: Offer | None = None
    """The price of the answer for `response_metadata["cost"]`; None: no price is known."""
    price_discount: float | None = None
    """The share of the list price that the account pays."""
    batch: bool = False
    """Whether the request goes into a batch job, which has its own price."""

    def tool_name(self, name: str) -> str:
        """Return the user's name of the tool that a model's spelling means."""
        sent = match_tool_name(name, self.tools)
        return name.strip() if sent is None else self.renamed_tools.get(sent, sent)
