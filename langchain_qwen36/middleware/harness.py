"""Register a `deepagents` harness profile: middleware that it adds to agents on our models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.messages import PROVIDER
from langchain_qwen36.middleware.prompt_caching import PromptCachingMiddleware
from langchain_qwen36.middleware.tool_call_repair import ToolCallRepairMiddleware

if TYPE_CHECKING:
    from langchain.agents.middleware import AgentMiddleware


def register_deepagents_harness() -> None:
    """Give deep agents call repair and prompt caching; deepagents calls this entry point.

    Deep agents repeat many tools in every call, and a broken call silently ends them:
    docs/quirks.md#invalid-tool-calls-end-agents.
    """
    from deepagents import HarnessProfile, register_harness_profile  # noqa: PLC0415

    register_harness_profile(PROVIDER, HarnessProfile(extra_middleware=_middleware))


def _middleware() -> list[AgentMiddleware[Any, Any, Any]]:
    return [ToolCallRepairMiddleware(), PromptCachingMiddleware()]
