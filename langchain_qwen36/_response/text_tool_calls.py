"""Finds tool calls that a server left as text in the answer (P24).

Two spellings: Qwen's XML, `<tool_call><function=name><parameter=x>…`, and Hermes' JSON,
`<tool_call>{"name": …, "arguments": …}</tool_call>`. Only a whole block that names a bound tool is
a call; everything else stays text. Thoughts are never searched: a model thinks about calls that
it then does not make.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN = "<tool_call>"
_BLOCK = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>]+)>\s*(.*?)\s*</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>]+)>(.*?)</parameter>", re.DOTALL)
# What may stand behind the opening tag while the block is still coming in.
_HEAD = "<function="
# More space than this behind the tag is a model that has lost its way, not a call.
_MOST_SPACE = 64


class Found(NamedTuple):
    """A call found in the text; `args` is a JSON object."""

    name: str
    args: str


class ToolCallFinder:
    """Holds back text that may be a tool call until it is decided."""

    def __init__(self, tools: Mapping[str, Mapping[str, Any]]) -> None:
        self._tools = tools
        self._parts: list[str] = []
        self._holding = False
        self._only_space = False

    def feed(self, text: str) -> str:
        """Take a piece of the answer, give back what is surely text."""
        if not self._parts and "<" not in text and not text[-1:].isspace():
            return text
        self._parts.append(text)
        # Neither a call's inside nor a run of space is looked at again with every piece.
        if self._holding or (self._only_space and text.isspace()):
            return ""
        held = "".join(self._parts)
        start = 0
        while (start := held.find(_OPEN, start)) >= 0:
            verdict = self._plausible(held[start + len(_OPEN) :])
            if verdict is not False:
                self._holding = verdict is True
                break
            start += len(_OPEN)
        end = _settled_end(held) if start < 0 else len(held[:start].rstrip())
        self._parts = [held[end:]] if end < len(held) else []
        self._only_space = held[end:].isspace()
        return held[:end]

    def held(self) -> str:
        """What is held back, as text."""
        return "".join(self._parts)

    def finish(self, before: str) -> tuple[str, list[Found]]:
        """Give back what of the held text is text, and the calls in it.

        Args:
            before: The answer so far, to see whether a block stands in a quotation.
        """
        held = self.held()
        self._parts = []
        found: list[Found] = []
        kept: list[str] = []
        at = 0
        for block in _BLOCK.finditer(held):
            ahead = before + held[: block.start()]
            call = None if _quoted(ahead) else _call(block[1], self._tools)
            if call is not None:
                kept.append(held[at : block.start()])
                at = block.end()
                found.append(call)
        if not found:
            return held, []
        return "".join([*kept, held[at:]]).rstrip(), found

    def _plausible(self, rest: str) -> bool | None:
        """Whether what follows an opening tag is a call of a bound tool; None: not yet known."""
        space = len(rest)
        rest = rest.lstrip()
        if space - len(rest) > _MOST_SPACE:
            return False
        if rest.startswith("{"):
            return True
        if rest.startswith(_HEAD):
            name, closed, _ = rest[len(_HEAD) :].partition(">")
            if closed:
                return name.strip() in self._tools
            return None if any(tool.startswith(name) for tool in self._tools) else False
        return None if _HEAD.startswith(rest) else False


def _settled_end(text: str) -> int:
    """Where the text ends that cannot be the start of a block, nor whitespace before one."""
    for size in range(min(len(_OPEN) - 1, len(text)), 0, -1):
        if _OPEN.startswith(text[-size:]):
            text = text[:-size]
            break
    return len(text.rstrip())


def _quoted(ahead: str) -> bool:
    """Whether a block after this text is a quotation: code, not a call."""
    return ahead.endswith("`") or ahead.count("```") % 2 == 1


def _call(body: str, tools: Mapping[str, Mapping[str, Any]]) -> Found | None:
    if xml := _FUNCTION.fullmatch(body):
        name = xml[1].strip()
        args = _xml_arguments(xml[2], tools.get(name, {}))
    else:
        name, args = _hermes(body)
    if name not in tools or args is None:
        return None
    return Found(name, json.dumps(args, ensure_ascii=False))


def _hermes(body: str) -> tuple[str, dict[str, Any] | None]:
    value = _loads(body)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return "", None
    args = value.get("arguments", {})
    if isinstance(args, str):
        args = _loads(args)
    return value["name"], args if isinstance(args, dict) else None


def _xml_arguments(body: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    if body.startswith("{"):
        value = _loads(body)
        return value if isinstance(value, dict) else None
    if _PARAMETER.sub("", body).strip():
        return None
    return {
        name.strip(): _typed(value, _types(schema, name.strip()))
        for name, value in _PARAMETER.findall(body)
    }


def _types(schema: Mapping[str, Any], name: str) -> set[str]:
    """The JSON types that the schema allows for a parameter; empty when it does not say."""
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
    """Read a parameter as its schema says; the template puts one newline around each value."""
    text = text.removeprefix("\n").removesuffix("\n")
    if not types or types == {"string"}:
        return text
    word = text.strip()
    value = _loads({"True": "true", "False": "false", "None": "null"}.get(word, word))
    if value is None and word not in ("null", "None"):
        return text
    # A parameter that may also be a string is one, unless it is null.
    return text if "string" in types and value is not None else value


def _loads(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
