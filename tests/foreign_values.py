"""Values that servers, models and callers write and that nobody expects."""

from __future__ import annotations

import json
from typing import Any

DIGITS = "9" * 4301
"""One more than `int()` and `str()` take."""
LARGE = "9" * 400
"""`int()` takes it, and no float holds it."""
_DEEP = "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900

IN_STRINGS = [
    *(f'{{"a":{value}}}' for value in (_DEEP[0], "NaN", "1e999999", "-Infinity", DIGITS, LARGE)),
    r'{"\ud800":"\ud83d"}',
    *("\x00", "²", "٣", "1e999999", "NaN", DIGITS, LARGE, "\ufeff{}", "[" * 900, '{"a":' * 900),
]
"""As JSON in a string, such as the arguments of a tool call."""

JSON = [
    *(
        DIGITS,
        f"-{DIGITS}",
        LARGE,
        f"-{LARGE}",
        "1e999999",
        "NaN",
        "Infinity",
        "-Infinity",
        "-0.0",
        "1.5",
        "-1",
    ),
    *("1" + "0" * 30, "null", "true", '""', r'"\ud800"', r'"a\u0000b"'),
    *("[]", "{}", "[null]", '[{"type":"text"}]', '[1,"x",{}]', r'{"a":"\ud83d"}', *_DEEP),
    *map(json.dumps, IN_STRINGS),
]
"""As the text of a JSON value in a response."""


def nested(levels: int, *, in_dicts: bool = False) -> Any:
    """Return a value of so many levels."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if in_dicts else [value]
    return value


PYTHON: list[Any] = [
    *(10**400, 10**4301, -(10**4301), 2**64, float("nan"), float("inf"), -0.0, None, True),
    *("", "²", "\ud800", "a\x00b", DIGITS, b"bytes", (1, 2), {1, 2}, object(), 1j),
    *([], {}, [None], {1: 2}, {None: 1}, {"\ud800": "\udfff"}, ["a", 1, None]),
    *(nested(900), nested(900, in_dicts=True), nested(5000), [{"type": None}]),
]
"""As a caller's history may hold them."""
