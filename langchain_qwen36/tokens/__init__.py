"""How many tokens a text or a request is, before it is sent and with no network."""

from __future__ import annotations

from langchain_qwen36.tokens.calibration import Calibration
from langchain_qwen36.tokens.media import (
    MAX_PIXELS,
    MOST_PIXELS,
    image_tokens,
    is_guessed,
    media_tokens,
    video_tokens,
)
from langchain_qwen36.tokens.prompt import count_guessed, count_messages, prompt_text
from langchain_qwen36.tokens.text import count_text, estimate_text

__all__ = [
    "MAX_PIXELS",
    "MOST_PIXELS",
    "Calibration",
    "count_guessed",
    "count_messages",
    "count_text",
    "estimate_text",
    "image_tokens",
    "is_guessed",
    "media_tokens",
    "prompt_text",
    "video_tokens",
]
