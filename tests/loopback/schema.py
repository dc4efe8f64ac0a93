"""Filling a JSON schema from a prompt, as a model that does what it is told would."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"|“([^”]+)”")
_PLACE = re.compile(r"\b(?:in|at|for|of) ((?:[A-Z][\w.-]*,? ?)+)")
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][\w-]+)")
_FORMATS = {
    "date": "2026-04-02",
    "date-time": "2026-04-02T00:00:00Z",
    "time": "00:00:00",
    "email": "ada@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@dataclass
class Prompt:
    """What a text offers as values; each is taken once, the last stays."""

    text: str
    numbers: list[float] = field(init=False)
    words: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = [json.loads(n) for n in _NUMBER.findall(self.text)]
        quoted = ["".join(found) for found in _QUOTED.findall(self.text)]
        places = [place.strip(" ,.?!") for place in _PLACE.findall(self.text)]
        self.words = quoted or places or _NAME.findall(self.text)

    def number(self) -> float:
        """Return the next number, or 1."""
        return _take(self.numbers, 1)

    def word(self, name: str) -> str:
        """Return the next quoted text, place or name, or something called after the field."""
        return _take(self.words, f"some {name}")


def fill(schema: dict[str, Any], prompt: Prompt, name: str = "value") -> Any:
    """Return a value that the schema allows, out of the prompt where the prompt has one."""
    return _fill(schema, prompt, name, schema.get("$defs") or schema.get("definitions") or {})


def _fill(schema: dict[str, Any], prompt: Prompt, name: str, defs: dict[str, Any]) -> Any:
    if ref := schema.get("$ref"):
        return _fill(defs[ref.rsplit("/", 1)[-1]], prompt, name, defs)
    if "const" in schema:
        return schema["const"]
    if choices := schema.get("enum"):
        return next((c for c in choices if str(c).lower() in prompt.text.lower()), choices[0])
    for union in ("anyOf", "oneOf", "allOf"):
        if options := schema.get(union):
            real = [option for option in options if option.get("type") != "null"]
            return _fill(real[0], prompt, name, defs)
    return _of_type(schema, prompt, name, defs)


def _of_type(schema: dict[str, Any], prompt: Prompt, name: str, defs: dict[str, Any]) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return _object(schema, prompt, defs)
    if kind == "array":
        count = max(schema.get("minItems", 1), 1)
        return [_fill(schema.get("items") or {}, prompt, name, defs) for _ in range(count)]
    if kind in ("integer", "number"):
        return _clamped(schema, prompt.number(), whole=kind == "integer")
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return _FORMATS.get(schema.get("format", "")) or prompt.word(name)


def _object(schema: dict[str, Any], prompt: Prompt, defs: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    required = schema.get("required") or []
    wanted = [name for name in properties if name in required or name in prompt.text]
    return {name: _fill(properties[name], prompt, name, defs) for name in wanted}


def _clamped(schema: dict[str, Any], value: float, *, whole: bool) -> float:
    if (low := schema.get("minimum", schema.get("exclusiveMinimum"))) is not None:
        value = max(value, low + ("exclusiveMinimum" in schema))
    if (high := schema.get("maximum", schema.get("exclusiveMaximum"))) is not None:
        value = min(value, high - ("exclusiveMaximum" in schema))
    return int(value) if whole else value


def _take(values: list[Any], default: Any) -> Any:
    if len(values) > 1:
        return values.pop(0)
    return values[0] if values else default
