"""Join characters that a gateway cut in half: surrogates at the end and the start of deltas."""

from __future__ import annotations

from typing import Any

from langchain_qwen36._content.source import replace_lone_surrogates

_HIGH = ("\ud800", "\udbff")
_MAX_DEPTH = 64
_OF_DELTA = 4
"""Length of the path to a text: `choices`, its index, `delta`, its name."""


class SurrogateJoiner:
    """Keeps the first half at the end of a string until the same field comes again.

    Fields are identified by their path in the payload, items of a list by their own `index`, since
    tool calls come one at a time. See docs/quirks.md#emoji-cut-in-half.
    """

    def __init__(self) -> None:
        self._halves: dict[tuple[Any, ...], str] = {}

    def __bool__(self) -> bool:
        return bool(self._halves)

    def join(self, payload: Any) -> Any:
        """Return the payload with complete characters only; a half is kept for a later payload."""
        return self._joined(payload, ())

    def rest(self) -> list[dict[str, Any]]:
        """Return payloads with a replacement character for each half that stayed alone."""
        alone = [
            path for path in self._halves if path[:1] == ("choices",) and len(path) == _OF_DELTA
        ]
        self._halves.clear()
        return [
            {"choices": [{"index": index, "delta": {field: "\ufffd"}}]}
            for _, index, _, field in alone
        ]

    def _joined(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if len(path) > _MAX_DEPTH:
            return value
        if isinstance(value, dict):
            return {
                replace_lone_surrogates(key): self._joined(item, (*path, key))
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._joined(item, (*path, _index_of(item, position)))
                for position, item in enumerate(value)
            ]
        return value

    def _text(self, text: str, path: tuple[Any, ...]) -> str:
        if not text:
            return text
        text = self._halves.pop(path, "") + text
        if _HIGH[0] <= text[-1] <= _HIGH[1]:
            self._halves[path] = text[-1]
            text = text[:-1]
        return replace_lone_surrogates(text)


def _index_of(item: Any, position: int) -> Any:
    return str(item.get("index", position)) if isinstance(item, dict) else position
