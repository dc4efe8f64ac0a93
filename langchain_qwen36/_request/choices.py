"""The choices of settings that take one of a few words."""

from typing import Literal

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""`reasoning_effort`."""
ForcedToolChoice = Literal["disable_thinking", "auto", "error"]
"""`forced_tool_choice`: what becomes of a forced tool where the server refuses it."""
PromptCache = Literal["auto", "system"]
"""`prompt_cache`: which messages are marked for the cache."""
