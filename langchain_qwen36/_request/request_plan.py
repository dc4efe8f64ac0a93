"""The decisions on a request before its messages are written: thinking, tools, format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._request import thinking as wire_thinking
    from langchain_qwen36._request.types import ToolChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestPlan:
    """The decisions of one call, and the notes on what was changed."""

    thinking: wire_thinking.ReasoningPlan
    tools: Sequence[Mapping[str, Any]]
    choice: ToolChoice | None
    response_format: Mapping[str, Any] | None
    hint: Mapping[str, Any] | None
    ask_again: bool
    notes: Mapping[str, str] = field(default_factory=dict)
