"""Read a chunk by comparing it with the last one: nearly always only the text differs.

Such a chunk need not be parsed, nor searched for an error or a usage:
docs/DESIGN.md#the-chunk-template
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from langchain_qwen36._response.delta import TextKind

_KEYS: dict[TextKind, bytes] = {"text": b'"content"', "reasoning": b'"reasoning_content"'}


class ChunkTemplate:
    """The last payload, if it held text, or reasoning, and nothing else."""

    def __init__(self) -> None:
        self._before: bytes | None = None
        """The payload in front of the text; None: there is no template."""
        self._behind = b""

    def learn(self, data: bytes, kind: TextKind, text: str) -> None:
        """Learn from such a payload, if it has the text key once and in our format."""
        before, _, behind = data.partition(orjson.dumps(text))
        # No string holds a bare quote, so this is the key; but it must be the only one of its name.
        if before.rstrip(b" :").endswith(_KEYS[kind]) and data.count(_KEYS[kind]) == 1:
            self._before, self._behind = before, behind

    def forget(self) -> None:
        """Drop the template, after a payload of another kind."""
        self._before = None

    def text_in(self, data: bytes) -> str | None:
        """Return the text of a payload that differs only in its text; None for any other."""
        before, behind = self._before, self._behind
        if before is None or not (data.startswith(before) and data.endswith(behind)):
            return None
        try:
            text = orjson.loads(data[len(before) : len(data) - len(behind)])
        except orjson.JSONDecodeError:
            return None
        return text if type(text) is str else None
