"""What the chunks of an answer have in common: all but their text, nearly always.

A chunk that equals the last one but for one JSON string says the same but for that string. So it
need not be parsed, nor searched for an error or a usage: 0.4 µs instead of 2.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from langchain_qwen36._response.delta import TextKind

_KEYS: dict[TextKind, bytes] = {"text": b'"content"', "reasoning": b'"reasoning_content"'}


class ChunkTemplate:
    """The last chunk that said text, or thoughts, and nothing else."""

    def __init__(self) -> None:
        self._kind: TextKind | None = None
        self._before = b""
        self._behind = b""

    def learn(self, data: bytes, kind: TextKind, text: str) -> None:
        """Take a chunk; one that is written in another way than ours is no template."""
        before, _, behind = data.partition(orjson.dumps(text))
        # No string holds a bare quote, so this is the key; but it must be the only one of its name.
        if before.rstrip(b" :").endswith(_KEYS[kind]) and data.count(_KEYS[kind]) == 1:
            self._kind, self._before, self._behind = kind, before, behind

    def text_in(self, data: bytes, kind: TextKind) -> str | None:
        """Return the text of a chunk that differs in nothing else; None of any other."""
        before, behind = self._before, self._behind
        if kind != self._kind or not (data.startswith(before) and data.endswith(behind)):
            return None
        try:
            text = orjson.loads(data[len(before) : len(data) - len(behind)])
        except orjson.JSONDecodeError:
            return None
        return text if type(text) is str else None
