"""Keep values that a server nests too deeply as text: copying or dumping them would recurse."""

from __future__ import annotations

import json
from typing import Any

import orjson

MAX_LEVELS = 64
"""Levels; no response has more. LangChain's `dumps` takes several frames for each level."""


def loads(data: bytes) -> Any:
    """Parse JSON, and keep values that are nested too deeply as text.

    Raises:
        orjson.JSONDecodeError: The data is no JSON.
    """
    payload = orjson.loads(data)
    if data.count(b"[") + data.count(b"{") > MAX_LEVELS:
        limit_depth(payload)
    return payload


def limit_depth(payload: Any) -> None:
    """Replace values below `MAX_LEVELS` in a parsed payload by their JSON, as a string."""
    for value in _last_level(payload):
        for key, child in _items(value):
            if _is_nested(child):
                value[key] = _as_text(child)


def is_too_deep(value: Any) -> bool:
    """Return whether a parsed value has more than `MAX_LEVELS` levels."""
    return any(_is_nested(child) for item in _last_level(value) for _, child in _items(item))


def _last_level(value: Any) -> list[Any]:
    """Return the lists and dicts of the deepest level that is allowed."""
    level = [value]
    for _ in range(MAX_LEVELS - 1):
        level = [child for item in level for _, child in _items(item) if _is_nested(child)]
        if not level:
            break
    return level


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply)"
