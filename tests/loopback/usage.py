"""Counting: tokens of what came and went, cache hits, and each gateway's own money."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from loopback.brain import pieces, text_of

if TYPE_CHECKING:
    from loopback.brain import Reply
    from loopback.turn import Turn

IMAGE = 258
"""Tokens of one picture."""
EXPLICIT_FROM = 1024
"""Tokens from which an explicit cache marker is honoured."""
INPUT_RATE, OUTPUT_RATE = 0.325e-6, 1.95e-6
"""USD per token at the gateways that report money."""
CREDITS = 2_000_000
"""AI/ML API's credits for one dollar."""


class Count(NamedTuple):
    """Tokens of one request, whole numbers."""

    prompt: int
    completion: int
    reasoning: int
    cached: int = 0
    created: int = 0
    explicit: bool = False
    images: int = 0

    @property
    def cost(self) -> float:
        """In USD."""
        return self.prompt * INPUT_RATE + self.completion * OUTPUT_RATE


class PromptCache:
    """The prefixes that were sent before; a server has one."""

    def __init__(self) -> None:
        self._seen: list[list[str]] = []
        self._written: list[list[str]] = []
        """The prefixes that were marked."""

    def count(self, turn: Turn, replies: list[Reply]) -> Count:
        """Count a turn, and remember its prompt."""
        prompt, marks = _prompt(turn)
        reasoning = sum(len(pieces(reply.reasoning)) for reply in replies)
        spoken = sum(len(pieces(reply.spoken)) for reply in replies)
        hit = max((_shared(prompt, seen) for seen in self._seen), default=0)
        self._seen = [*self._seen[-7:], prompt]
        marks = [mark for mark in marks if mark >= EXPLICIT_FROM][-(turn.row.cache_markers or 4) :]
        explicit = turn.row.cache_control and bool(marks)
        if explicit:
            cached = self._read(prompt, marks[-1])
            created = marks[-1] - cached
            self._written += [prompt[:mark] for mark in marks]
        else:
            cached, created = (hit if hit >= turn.dialect.cache_from else 0), 0
        return Count(
            prompt=len(prompt),
            completion=reasoning + spoken,
            reasoning=reasoning,
            cached=min(cached, len(prompt) - 1),
            created=created,
            explicit=explicit,
            images=prompt.count("<image>"),
        )

    def _read(self, prompt: list[str], marked: int) -> int:
        """Return the longest marked prefix that is there.

        Nothing behind the last mark is looked for.
        """
        lengths = [len(block) for block in self._written if block == prompt[: len(block)]]
        return max((length for length in lengths if length <= marked), default=0)


def _shared(one: list[str], other: list[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _prompt(turn: Turn) -> tuple[list[str], list[int]]:
    """Return the prompt in pieces, and how many of them stand before each cache marker."""
    prompt = pieces(json.dumps(turn.tools)) if turn.tools else []
    marks = []
    for message in turn.messages:
        prompt += [f"<{message['role']}>", *pieces(text_of(message))]
        prompt += pieces(message.get("reasoning_content") or message.get("reasoning") or "")
        for call in message.get("tool_calls") or ():
            prompt += pieces(json.dumps(call["function"]))
        parts = message["content"] if isinstance(message.get("content"), list) else []
        prompt += ["<image>"] * IMAGE * sum(part["type"] == "image_url" for part in parts)
        if any("cache_control" in part for part in parts):
            marks.append(len(prompt))
    return prompt, marks


def usage(turn: Turn, count: Count) -> dict[str, Any]:  # noqa: PLR0911 - one for each shape
    """Return the `usage` object as this gateway writes it."""
    totals = {
        "prompt_tokens": count.prompt,
        "completion_tokens": count.completion,
        "total_tokens": count.prompt + count.completion,
    }
    match turn.dialect.usage:
        case "dashscope":
            return totals | _dashscope(count)
        case "openrouter":
            return totals | _openrouter(count)
        case "vercel":
            return totals | _vercel(count)
        case "aimlapi":
            return totals | {
                "completion_tokens_details": _thoughts(count) | {"text_tokens": count.completion},
                "prompt_tokens_details": {"text_tokens": count.prompt},
            }
        case "llamacpp":
            return totals | {"prompt_tokens_details": {"cached_tokens": count.cached}}
        case "bare":
            return totals
        case "plain":
            return totals | {
                "prompt_tokens_details": {"cached_tokens": count.cached},
                "completion_tokens_details": _thoughts(count),
            }


def _thoughts(count: Count) -> dict[str, int]:
    return {"reasoning_tokens": count.reasoning}


def _dashscope(count: Count) -> dict[str, Any]:
    prompt: dict[str, Any] = {
        "cached_tokens": count.cached,
        "text_tokens": count.prompt - count.images,
    }
    if count.images:
        prompt["image_tokens"] = count.images
    if count.explicit:
        prompt |= {
            "cache_type": "ephemeral",
            "cache_creation_input_tokens": count.created,
            "cache_creation": {"ephemeral_5m_input_tokens": count.created},
        }
    if not count.reasoning:
        return {"prompt_tokens_details": prompt}
    completion = _thoughts(count) | {"text_tokens": count.completion}
    return {"prompt_tokens_details": prompt, "completion_tokens_details": completion}


def _openrouter(count: Count) -> dict[str, Any]:
    return {
        "cost": count.cost,
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": count.cached,
            "cache_write_tokens": count.created,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": count.cost,
            "upstream_inference_prompt_cost": count.prompt * INPUT_RATE,
            "upstream_inference_completions_cost": count.completion * OUTPUT_RATE,
        },
        "completion_tokens_details": _thoughts(count) | {"image_tokens": 0, "audio_tokens": 0},
    }


def _vercel(count: Count) -> dict[str, Any]:
    return {
        "cost": count.cost,
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": count.cached,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": 0,
            "upstream_inference_completions_cost": 0,
        },
        "completion_tokens_details": _thoughts(count) | {"image_tokens": 0},
        "cache_creation_input_tokens": count.created,
        "market_cost": count.cost,
    }
