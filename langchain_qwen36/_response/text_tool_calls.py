"""Find tool calls that a server left as text in the answer.

There are two spellings: Qwen's XML, `<tool_call><function=name><parameter=x>…`, and Hermes' JSON,
`<tool_call>{"name": …, "arguments": …}</tool_call>`. Only a complete call that names a bound tool
is one; everything else stays text. As in the parser of Qwen3-Coder's authors, tags that the model
forgot do not matter where the call is complete without them. Reasoning is never searched: a model
thinks about calls that it then does not make. Every step is linear in the text:
docs/quirks.md#tool-calls-left-as-text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36._content.tool_names import match_tool_name
from langchain_qwen36._response.model_json import NOT_JSON, loads, partial_json, value_at
from langchain_qwen36._response.tool_calls import ARGUMENT_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN = "<tool_call>"
_CLOSE = "</tool_call>"
_FUNCTION = "<function="
_FUNCTION_END = "</function>"
_PARAMETER = "<parameter="
_PARAMETER_END = "</parameter>"
_START = re.compile(f"{_OPEN}|{_FUNCTION}")
_VALUE_END = re.compile(
    rf"{_PARAMETER_END}(?=\s{{0,64}}(?:{_PARAMETER}|{_FUNCTION_END}|{_CLOSE}|$))"
    rf"|(?={_FUNCTION_END}\s{{0,64}}(?:{_CLOSE}|{_START.pattern}|$))"
    rf"|(?={_PARAMETER}([^>\n]{{1,128}})>)"
)
"""What may end a parameter's value; the tags may also be a part of it, as in a text about them."""
_SPACE = re.compile(r"\s*")
_SPACE_AND_BRACES = re.compile(r"[\s}]*")
_MAX_SPACE = 64
"""Most characters of white space after the opening tag; with more, it is text."""
_MAX_NAME = 128
"""Most characters of a tool's name."""
_MAX_FAILURES = 32
"""Broken calls after which a text counts as prose, so that the search stays linear."""


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
        end = _settled_end(held)
        for match in _START.finditer(held):
            verdict = self._plausible(held, match)
            if verdict is not False:
                self._holding = verdict is True
                end = len(held[: match.start()].rstrip())
                break
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
        at = counted_to = failures = 0
        fences = before.count("```")
        match = _START.search(held)
        while match is not None and failures < _MAX_FAILURES:
            start = match.start()
            fences += held.count("```", counted_to, start)
            quoted = fences % 2 == 1 or (held[start - 1] if start else before[-1:]) == "`"
            block = None if quoted else self._block(held, match, truncated=truncated)
            failures += block is None and not quoted and self._plausible(held, match) is not False
            end = match.end() if block is None else block[1]
            if block is not None:
                kept.append(held[at:start])
                at = end
                found += block[0]
            counted_to, match = start, _START.search(held, end)
        if not found:
            return held, []
        return "".join([*kept, held[at:]]).rstrip(), found

    def _block(
        self, held: str, match: re.Match[str], *, truncated: bool
    ) -> tuple[list[Found], int] | None:
        """Return the calls behind an opening tag, and where they end; None: it is text."""
        if self._plausible(held, match) is False:
            return None
        wrapped = match[0] == _OPEN
        at = match.end() if wrapped else match.start()
        found: list[Found] = []
        while (read := _call(held, _after(_SPACE, held, at), self._tools)) is not None:
            call, at = read
            found.append(call)
            if not wrapped:
                break
        behind = _after(_SPACE, held, at)
        if found and held.startswith(_CLOSE, behind):
            return found, behind + len(_CLOSE)
        if truncated and (not found or wrapped) and held.find(_CLOSE, at) < 0:
            cut = _cut_call(held[match.start() :].removeprefix(_OPEN).strip(), self._tools)
            return None if cut is None else ([cut], len(held))
        return (found, at) if found and _is_whole(held, at, behind) else None

    def _plausible(self, held: str, match: re.Match[str]) -> bool | None:
        """Return whether a bound tool's call follows an opening tag; None: not yet known."""
        start = match.end() if match[0] == _OPEN else match.start()
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
        if any(tag.startswith(text[-size:]) for tag in (_OPEN, _FUNCTION)):
            text = text[:-size]
            break
    return len(text.rstrip())


def _is_whole(text: str, at: int, behind: int) -> bool:
    """Return whether a call that ends here is complete without a closing tag of its wrapper."""
    rest = text[behind : behind + len(_CLOSE)]
    if not rest or rest.startswith(_OPEN):
        return True
    return text.endswith(_FUNCTION_END, 0, at) and not _CLOSE.startswith(rest)


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where what the pattern matches ends."""
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _call(text: str, at: int, tools: Mapping[str, Mapping[str, Any]]) -> tuple[Found, int] | None:
    """Read a complete call at a place in the text; return it and where it ends."""
    if not text.startswith(_FUNCTION, at):
        spelling, args, end = _hermes(text, at)
        name = match_tool_name(spelling, tools)
        return None if name is None or args is None else (_found(name, args), end)
    named = text.find(">", at, at + len(_FUNCTION) + _MAX_NAME)
    name = match_tool_name(text[at + len(_FUNCTION) : named], tools) if named >= 0 else None
    read = _xml_arguments(text, named + 1, tools[name]) if name is not None else None
    return None if name is None or read is None else (_found(name, read[0]), read[1])


def _found(name: str, args: dict[str, Any]) -> Found:
    return Found(name, json.dumps(args, ensure_ascii=False))


def _cut_call(body: str, tools: Mapping[str, Mapping[str, Any]]) -> Found | None:
    """Read a block that the end of the answer cut; its arguments are no complete object."""
    if body.startswith(_FUNCTION):
        spelling, _, rest = body[len(_FUNCTION) :].partition(">")
        name = match_tool_name(spelling, tools)
        end = rest.rfind(_PARAMETER_END)
        whole = rest[: end + len(_PARAMETER_END)] + _FUNCTION_END if end >= 0 else ""
        read = _xml_arguments(whole, 0, tools.get(name or "", {}))
        args = json.dumps(read[0] if read else {})[:-1]
    else:
        value = partial_json(body)
        spelling = str(value.get("name") or "") if isinstance(value, dict) else ""
        name = match_tool_name(spelling, tools)
        _, _, rest = body.partition('"arguments"')
        args = rest.lstrip(" :") or "{"
    return Found(name, args) if name else None


def _hermes(text: str, at: int) -> tuple[str, dict[str, Any] | None, int]:
    """Read a call in JSON, also if its last brackets are missing or doubled."""
    end = value_at(text, at)[1]
    value = loads(text[at:end]) if end > at else NOT_JSON
    if value is NOT_JSON and (end := text.find(_CLOSE, at)) >= 0:
        body = text[at:end]
        value = next((v for more in ("}", "}}") if (v := loads(body + more)) is not NOT_JSON), None)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return "", None, at
    args: Any = next((value[key] for key in ARGUMENT_KEYS if key in value), {})
    if isinstance(args, str):
        args = loads(args)
    name: str = value["name"]
    return name, args if isinstance(args, dict) else None, _after(_SPACE_AND_BRACES, text, end)


def _xml_arguments(
    text: str, at: int, schema: Mapping[str, Any]
) -> tuple[dict[str, Any], int] | None:
    """Read the parameters of a function, and where it ends; None: something else is in it."""
    args: Any = {}
    at = _after(_SPACE, text, at)
    if text.startswith("{", at):
        start, at = at, value_at(text, at)[1]
        args = loads(text[start:at])
        if not isinstance(args, dict):
            return None
    while text.startswith(_PARAMETER, at):
        named = text.find(">", at)
        name = text[at + len(_PARAMETER) : named].strip().strip("\"'")
        args[name] = ""
        end = _value_end(text, named + 1, args, schema) if named >= 0 else None
        if end is None:
            return None
        args[name] = _typed(text[named + 1 : end.start()], _types(schema, name))
        at = _after(_SPACE, text, end.end())
    at = _after(_SPACE, text, at)
    if text.startswith(_FUNCTION_END, at):
        return args, at + len(_FUNCTION_END)
    return (args, at) if args and text.startswith(_CLOSE, at) else None


def _value_end(
    text: str, at: int, given: Mapping[str, Any], schema: Mapping[str, Any]
) -> re.Match[str] | None:
    """Return the end of a parameter's value: its tag, or the next tag if that one was forgotten."""
    properties = schema.get("properties")
    known = properties.keys() if isinstance(properties, dict) else ()
    for match in _VALUE_END.finditer(text, at):
        if match[1] is None or (match[1] in known and match[1] not in given):
            return match
    return None


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
