"""How many tokens a text or a request is, before it is sent and with no network."""

from __future__ import annotations

from langchain_qwen36.tokens.calibration import Calibration
from langchain_qwen36.tokens.media import image_tokens, media_tokens
from langchain_qwen36.tokens.prompt import count_messages, prompt_text
from langchain_qwen36.tokens.text import count_text, estimate_text

__all__ = [
    "Calibration",
    "count_messages",
    "count_text",
    "estimate_text",
    "image_tokens",
    "media_tokens",
    "prompt_text",
]
