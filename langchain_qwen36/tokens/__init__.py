"""Count the tokens of a text or a request before it is sent, without network."""

from __future__ import annotations

from langchain_qwen36.tokens.media import (
    MAX_PIXELS,
    MAX_PIXELS_ALLOWED,
    has_unknown_size,
    image_tokens,
    media_tokens,
    video_tokens,
)
from langchain_qwen36.tokens.prompt import count_messages, count_unmeasured_media, prompt_text
from langchain_qwen36.tokens.text import count_text, estimate_text, token_ids

__all__ = [
    "MAX_PIXELS",
    "MAX_PIXELS_ALLOWED",
    "count_messages",
    "count_text",
    "count_unmeasured_media",
    "estimate_text",
    "has_unknown_size",
    "image_tokens",
    "media_tokens",
    "prompt_text",
    "token_ids",
    "video_tokens",
]
