"""Find tool calls that a server left as text in the answer.

There are two spellings: Qwen's XML, `<tool_call><function=name><parameter=x>…`, and Hermes' JSON,
`<tool_call>{"name": …, "arguments": …}</tool_call>`. Only a complete block that names a bound tool
is a call; everything else stays text. Reasoning is never searched: a model thinks about calls that
it then does not make. Every step is linear in the text: docs/quirks.md#tool-calls-left-as-text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36._content.tool_names import match_tool_name
from langchain_qwen36._response.model_json import NOT_JSON, loads, partial_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN = "<tool_call>"
_CLOSE = "</tool_call>"
_FUNCTION = "<function="
_FUNCTION_END = "</function>"
_PARAMETER = "<parameter="
_PARAMETER_END = "</parameter>"
_MAX_SPACE = 64
"""Most characters of white space after the opening tag; with more, it is text."""
_MAX_NAME = 128
"""Most characters of a tool's name."""


class Found(NamedTuple):
    """A call found in the text; `args` is a JSON object."""

    name: str
    args: str


class ToolCallFinder:
    """Holds back text that may be a tool call until that is decided."""

    def __init__(self, tools: Mapping[str, Mapping[str, Any]]) -> None:
        self._tools = tools
        self._parts: list[str] = []
        self._holding = False
        self._only_space = False

    def feed(self, text: str) -> str:
        """Add a piece of the answer; return the part that is surely text."""
        if not self._parts and "<" not in text and not text[-1:].isspace():
            return text
        self._parts.append(text)
        # Neither a call's inside nor a run of space is searched again with every piece.
        if self._holding or (self._only_space and text.isspace()):
            return ""
        held = "".join(self._parts)
        start = 0
        while (start := held.find(_OPEN, start)) >= 0:
            verdict = self._plausible(held, start + len(_OPEN))
            if verdict is not False:
                self._holding = verdict is True
                break
            start += len(_OPEN)
        end = _settled_end(held) if start < 0 else len(held[:start].rstrip())
        self._parts = [held[end:]] if end < len(held) else []
        self._only_space = held[end:].isspace()
        return held[:end]

    def held(self) -> str:
        """Return the text that is held back."""
        return "".join(self._parts)

    def finish(self, before: str, *, truncated: bool = False) -> tuple[str, list[Found]]:
        """Return the part of the text held back that is text, and the calls in it.

        Args:
            before: The answer so far, to see whether a block is in a quotation.
            truncated: Whether the answer was cut: a block without its end is then a broken call.
        """
        held = self.held()
        self._parts = []
        found: list[Found] = []
        kept: list[str] = []
        at = counted_to = 0
        fences = before.count("```")
        start = held.find(_OPEN)
        while start >= 0:
            fences += held.count("```", counted_to, start)
            close = held.find(_CLOSE, start)
            if close < 0 and not truncated:
                break
            body = held[start + len(_OPEN) : close if close >= 0 else None].strip()
            quoted = fences % 2 == 1 or (held[start - 1] if start else before[-1:]) == "`"
            read = _call if close >= 0 else _cut_call
            call = None if quoted else read(body, self._tools)
            end = close + len(_CLOSE) if close >= 0 else len(held)
            if call is not None:
                kept.append(held[at:start])
                at = end
                found.append(call)
            counted_to, start = start, held.find(_OPEN, end)
        if not found:
            return held, []
        return "".join([*kept, held[at:]]).rstrip(), found

    def _plausible(self, held: str, start: int) -> bool | None:
        """Return whether a bound tool's call follows an opening tag; None: not yet known."""
        window = held[start : start + _MAX_SPACE + len(_FUNCTION) + _MAX_NAME]
        rest = window.lstrip()
        if len(window) - len(rest) > _MAX_SPACE:
            return False
        if rest.startswith("{"):
            return True
        if rest.startswith(_FUNCTION):
            name, closed, _ = rest[len(_FUNCTION) :].partition(">")
            key = _letters(name)
            if closed:
                return any(key == _letters(tool) for tool in self._tools)
            return None if any(_letters(tool).startswith(key) for tool in self._tools) else False
        return None if _FUNCTION.startswith(rest) else False


def _letters(name: str) -> str:
    return "".join(char for char in name if char.isalnum()).lower()


def _settled_end(text: str) -> int:
    """Return the length of the text before a possible start of a block and its white space."""
    for size in range(min(len(_OPEN) - 1, len(text)), 0, -1):
        if _OPEN.startswith(text[-size:]):
            text = text[:-size]
            break
    return len(text.rstrip())


def _call(body: str, tools: Mapping[str, Mapping[str, Any]]) -> Found | None:
    """Read a complete block."""
    if body.startswith(_FUNCTION) and body.endswith(_FUNCTION_END):
        spelling, _, rest = body[len(_FUNCTION) : -len(_FUNCTION_END)].partition(">")
        name = match_tool_name(spelling, tools)
        args = _xml_arguments(rest.strip(), tools.get(name or "", {}))
    else:
        spelling, args = _hermes(body)
        name = match_tool_name(spelling, tools)
    if name is None or args is None:
        return None
    return Found(name, json.dumps(args, ensure_ascii=False))


def _cut_call(body: str, tools: Mapping[str, Mapping[str, Any]]) -> Found | None:
    """Read a block that the end of the answer cut; its arguments are no complete object."""
    if body.startswith(_FUNCTION):
        spelling, _, rest = body[len(_FUNCTION) :].partition(">")
        name = match_tool_name(spelling, tools)
        whole = rest[: rest.rfind(_PARAMETER_END) + len(_PARAMETER_END)] if rest else ""
        args = json.dumps(_xml_arguments(whole, tools.get(name or "", {})) or {})[:-1]
    else:
        value = partial_json(body)
        spelling = str(value.get("name") or "") if isinstance(value, dict) else ""
        name = match_tool_name(spelling, tools)
        _, _, rest = body.partition('"arguments"')
        args = rest.lstrip(" :") or "{"
    return Found(name, args) if name else None


def _hermes(body: str) -> tuple[str, dict[str, Any] | None]:
    value = loads(body)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return "", None
    args = value.get("arguments", {})
    if isinstance(args, str):
        args = loads(args)
    return value["name"], args if isinstance(args, dict) else None


def _xml_arguments(body: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    if body.startswith("{"):
        value = loads(body)
        return value if isinstance(value, dict) else None
    args: dict[str, Any] = {}
    at = 0
    while (start := body.find(_PARAMETER, at)) >= 0:
        named = body.find(">", start)
        end = body.find(_PARAMETER_END, named)
        if named < 0 or end < 0 or body[at:start].strip():
            return None
        name = body[start + len(_PARAMETER) : named].strip()
        args[name] = _typed(body[named + 1 : end], _types(schema, name))
        at = end + len(_PARAMETER_END)
    return None if body[at:].strip() else args


def _types(schema: Mapping[str, Any], name: str) -> set[str]:
    """Return the JSON types that the schema allows for a parameter; empty if it does not say."""
    properties = schema.get("properties")
    own = properties.get(name) if isinstance(properties, dict) else None
    return _types_of(own, schema, depth=0)


def _types_of(node: Any, root: Mapping[str, Any], *, depth: int) -> set[str]:
    if not isinstance(node, dict) or depth > 5:  # noqa: PLR2004  # a $ref may point at itself
        return set()
    types: set[str] = set()
    own = node.get("type")
    types |= {own} if isinstance(own, str) else set(own or ())
    for key in ("anyOf", "oneOf", "allOf"):
        for branch in node.get(key) or ():
            types |= _types_of(branch, root, depth=depth + 1)
    if isinstance(ref := node.get("$ref"), str):
        target: Any = root
        for step in ref.removeprefix("#/").split("/"):
            target = target.get(step) if isinstance(target, dict) else None
        types |= _types_of(target, root, depth=depth + 1)
    return types


def _typed(text: str, types: set[str]) -> Any:
    """Convert a parameter to its schema's type; the template puts a newline around each value."""
    text = text.removeprefix("\n").removesuffix("\n")
    if not types or types == {"string"}:
        return text
    word = text.strip()
    value = loads({"True": "true", "False": "false", "None": "null"}.get(word, word))
    if value is NOT_JSON:
        return text
    # A parameter that may also be a string is one, unless it is null.
    return text if "string" in types and value is not None else value
