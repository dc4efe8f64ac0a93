"""The allowed words of settings that take one of a few."""

from typing import Literal

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""Values of `reasoning_effort`."""
ForcedToolChoice = Literal["disable_thinking", "auto", "error"]
"""Values of `forced_tool_choice`: what to do with a forced tool that the server refuses."""
PromptCache = Literal["auto", "system"]
"""Values of `prompt_cache`: which messages get a `cache_control` marker."""
