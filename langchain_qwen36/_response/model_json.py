"""Read JSON that a model wrote: tool arguments, fenced answers, one object between words.

Every reader of model text uses these functions, so that a tool call, a structured answer and a
repaired call are read with the same leniency: docs/quirks.md#json-in-model-text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from langchain_core.utils.json import parse_partial_json

from langchain_qwen36._content.source import replace_lone_surrogates
from langchain_qwen36._response.nesting_limit import MAX_LEVELS, is_too_deep

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_JSON: Any = object()
"""The result if there is no JSON; None is a JSON value."""
_DECODER = json.JSONDecoder(strict=False)
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_FENCE = "```"
_BRACKET = re.compile(r"[{\[]")
_MAX_FAILURES = 32
"""Failed starts after which a text counts as prose, so that the search stays linear."""
_MAX_REPAIRED_CHARS = 1_000_000
"""langchain-core's repair of unclosed JSON reads every character; longer texts are refused."""
_LITERALS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")


def loads(text: str) -> Any:
    """Parse JSON with raw line breaks and tabs in its strings, or return `NOT_JSON`.

    JSON that is nested more deeply than a message can be copied or dumped counts as none. Escaped
    halves of a surrogate pair are replaced, since no UTF-8 can hold them.
    """
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return NOT_JSON
    if text.count("[") + text.count("{") > MAX_LEVELS and is_too_deep(value):
        return NOT_JSON
    return _without_halves(value) if _HALF.search(text) else value


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return replace_lone_surrogates(value)
    if isinstance(value, list):
        return [_without_halves(item) for item in value]
    if isinstance(value, dict):
        return {replace_lone_surrogates(k): _without_halves(item) for k, item in value.items()}
    return value


def find_json(text: str, *, repair: bool = False) -> Any:
    """Return the object or list that a text holds, or `NOT_JSON`.

    Candidates are tried in this order: the text itself, the value it begins with, the last fence
    that holds a value (with or without a language, on one line, unclosed, with fences in its
    strings), the only value between words. With `repair` a value that lacks its closing brackets is
    closed, as langchain-core's `JsonOutputParser` does.
    """
    text = text.strip(" \n\r\t\ufeff")
    readings: tuple[Callable[[], Any], ...] = (
        lambda: loads(text.strip("`")),
        lambda: value_at(text, 0)[0],
        lambda: _in_fences(text),
        lambda: _alone(text),
    )
    for read in readings:
        if isinstance(found := read(), dict | list):
            return found
    return _repaired(text) if repair else NOT_JSON


def partial_json(text: str) -> Any:
    """Return the value in a growing text so far, or `NOT_JSON` if words precede the JSON."""
    start = _start_in_fence(text, text.find(_FENCE)) if text.lstrip()[:3] == _FENCE else 0
    body = text[start:].lstrip() if start >= 0 else ""
    if body[:1] not in ("{", "["):
        return NOT_JSON
    value, _ = value_at(body, 0)
    if value is not NOT_JSON:
        return value
    return _closed(body)


def is_prefix(text: str) -> bool:
    """Return whether more text could turn this into a JSON value."""
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        rest = text[error.pos :]
        if error.msg.startswith("Unterminated string") or not rest.strip():
            return True
        if error.msg.startswith("Invalid \\u"):
            return len(rest) < len("\\u0000")
        return any(word.startswith(rest) for word in _LITERALS) or _is_open_number(rest)
    except (ValueError, RecursionError):
        return False
    return True


def _is_open_number(rest: str) -> bool:
    return rest[-1:] in ("-", "+", ".", "e", "E") and not rest.strip("0123456789-+.eE")


def value_at(text: str, start: int) -> tuple[Any, int]:
    """Return the object or list that begins at `start`, and its end."""
    if text[start : start + 1] not in ("{", "["):
        return NOT_JSON, start
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return NOT_JSON, start


def _in_fences(text: str) -> Any:
    """Return the value of the last fence that holds one."""
    found, failures, at = NOT_JSON, 0, 0
    while failures < _MAX_FAILURES and (at := text.find(_FENCE, at)) >= 0:
        start = _start_in_fence(text, at)
        value, end = value_at(text, start)
        if value is NOT_JSON:
            failures += 1
            at = max(start, at + len(_FENCE))
        else:
            found, at = value, end
    return found


def _start_in_fence(text: str, fence: int) -> int:
    """Return where the content of a fence begins, behind its backticks and its language."""
    at, end = fence, len(text)
    while at < end and text[at] == "`":
        at += 1
    while at < end and (text[at].isalnum() or text[at] in "_+-."):
        at += 1
    while at < end and text[at].isspace():
        at += 1
    return at


def _alone(text: str) -> Any:
    """Return the value between words, unless there are several that differ."""
    found, failures, at = NOT_JSON, 0, 0
    while failures < _MAX_FAILURES and (bracket := _BRACKET.search(text, at)):
        value, end = value_at(text, bracket.start())
        if value is NOT_JSON:
            failures += 1
            at = bracket.end()
        elif isinstance(value, dict) and found not in (NOT_JSON, value):
            return NOT_JSON
        else:
            found, at = value if isinstance(value, dict) else found, end
    return found


def _repaired(text: str) -> Any:
    fence = text.find(_FENCE)
    bracket = _BRACKET.search(text, _start_in_fence(text, fence) if fence >= 0 else 0)
    if bracket is None or value_at(text, bracket.start())[0] is not NOT_JSON:
        return NOT_JSON
    found = _closed(text[bracket.start() :].rstrip(" \n\r\t`"))
    return found if isinstance(found, dict | list) else NOT_JSON


def _closed(body: str) -> Any:
    """Close the open strings and brackets of a JSON value, as langchain-core does."""
    if len(body) > _MAX_REPAIRED_CHARS:
        return NOT_JSON
    try:
        value = parse_partial_json(body)
    except (ValueError, RecursionError):
        return NOT_JSON
    return NOT_JSON if value is None else value
