"""Write a tool call's arguments as JSON: numbers stay numbers, and what JSON lacks is named."""

from __future__ import annotations

import json
import math
from collections import UserString
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from numbers import Integral, Number, Real
from typing import Any, NamedTuple

import orjson

from langchain_qwen36._content.source import replace_lone_surrogates
from langchain_qwen36.errors import MessageError

_MAX_DEPTH = 1000
"""What is nested deeper holds itself, or is refused by servers all the same."""


class JsonArguments(NamedTuple):
    """A call's arguments as JSON."""

    text: str
    not_finite: str = ""
    """What is NaN or infinite and now null, as in "`x[0]` is nan"; empty: nothing is."""


def arguments_to_json(name: str, args: dict[str, Any]) -> JsonArguments:
    """Return the arguments of a call of the tool `name` as JSON.

    Raises:
        MessageError: JSON cannot hold a value; the message names the tool and the argument.
    """
    try:
        text = orjson.dumps(args, default=to_json_value, option=_OPTIONS).decode()
    except TypeError:
        # Integers beyond 64 bits, keys that are no text, lone surrogates, deep nesting.
        text = _text_or_raise(name, args)
    return JsonArguments(text, _first_fault(args) if "null" in text else "")


_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""orjson asks `to_json_value` as `json` does, so that both write the same."""


def lenient_json(value: Any, default: Callable[[Any], Any]) -> str:
    """Return a value as JSON that orjson refuses: large integers, lone surrogates, other keys.

    NaN and infinity become null, as with orjson.

    Raises:
        TypeError, ValueError, RecursionError: JSON cannot hold it; so does what `default` raises.
    """
    plain = json.loads(json.dumps(value, default=default), parse_constant=lambda _: None)
    return replace_lone_surrogates(json.dumps(plain, ensure_ascii=False))


def _text_or_raise(name: str, args: dict[str, Any]) -> str:
    try:
        return lenient_json(args, to_json_value)
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        reason = _first_fault(args) or f"{error}"
        raise MessageError(
            f"The arguments of the tool call `{name}` cannot be written as JSON: {reason}."
        ) from None


def to_json_value(value: Any) -> Any:
    """Convert a value that JSON does not know to one nearer to it: NumPy's, sets, pydantic models.

    The date that is none (NaT) becomes NaN.

    Raises:
        TypeError: the value's text does not tell what it is.
    """
    if getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M"):
        # NumPy's own `tolist` makes integers of nanoseconds.
        return list(value) if getattr(value, "ndim", 0) else _unless_missing(str(value))
    if isinstance(value, Number):
        return _number(value)
    if isinstance(value, Mapping | AbstractSet | Sequence):
        return _items(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return _unless_missing(_by_method(value))


def _number(value: Number) -> int | float:
    match value:
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case Decimal():
            whole = value.is_finite() and value == value.to_integral_value()
            return int(value) if whole else math.nan if value.is_snan() else float(value)
    raise _has_no_form(value)


def _items(value: Collection[Any]) -> dict[Any, Any] | list[Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return sorted(value, key=_order)
    if isinstance(value, bytes | bytearray | memoryview | UserString):
        raise _has_no_form(value)
    return list(value)


def _order(item: Any) -> tuple[bool, Any, str]:
    """Order a set's numbers by value and all else by text: a prompt is cached by its letters."""
    is_number = isinstance(item, Real)
    return not is_number, item if is_number else 0, repr(item)


def _by_method(value: Any) -> Any:
    """Convert what has a method for it, so that no package must be there to ask for its types."""
    if isinstance(value, type):
        raise _has_no_form(value)
    if isinstance(value, Enum):
        return value.value
    for method in ("tolist", "model_dump", "isoformat"):  # NumPy; pydantic; dates and times
        if callable(convert := getattr(value, method, None)):
            return convert()
    # The text of any other container is how it is printed: pandas's tables.
    if isinstance(value, Collection) or type(value).__str__ is object.__str__:  # type: ignore[comparison-overlap]
        raise _has_no_form(value)
    return str(value)


def _unless_missing(value: Any) -> Any:
    """Return a value, NaN for the text of a missing date of NumPy's or pandas's."""
    return math.nan if isinstance(value, str) and value == "NaT" else value


def _has_no_form(value: Any) -> TypeError:
    return TypeError(f"of type `{type(value).__name__}`, which has no form in JSON")


def _first_fault(args: dict[str, Any]) -> str:
    """Return which argument is NaN, infinite or has no form in JSON; empty: none."""
    pending: list[tuple[str, Any, int]] = [("", args, 0)]
    while pending:
        path, value, depth = pending.pop()
        if depth > _MAX_DEPTH:
            return f"`{path[:60]}…` is nested too deeply"
        if isinstance(value, float) and not math.isfinite(value):
            return f"`{path}` is {float(value)}"
        if value is None or isinstance(value, str | int | float):
            continue
        try:
            inner = _inner(path, value)
        except (TypeError, ValueError, ArithmeticError) as error:
            return f"`{path}` is {error}"
        pending += ((where, item, depth + 1) for where, item in reversed(inner))
    return ""


def _inner(path: str, value: Any) -> list[tuple[str, Any]]:
    """Return what a value holds, each with its path; of one that JSON does not know, its form."""
    if isinstance(value, dict):
        return [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return [(path, to_json_value(value))]
