"""Convert tools to wire form: the dicts of the request's `tools`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from typing_extensions import is_typeddict  # it knows typing's own, too

from langchain_qwen36._content.tool_names import LEGAL
from langchain_qwen36._request.dict_schema import as_function, of_typed_dict
from langchain_qwen36._request.json_schema import (
    inline_refs,
    may_have_refs,
    normalize_parameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Tool = dict[str, Any]


class WireTools(list[Tool]):
    """Tools in wire form, already checked, so that each call need not check them again."""

    @cached_property
    def may_have_refs(self) -> bool:
        """Whether `$ref` occurs in any schema."""
        return may_have_refs(self)


_FUNCTION_KEYS = ("name", "description", "parameters", "strict")
_SCHEMA_KEYS = frozenset(
    {"function", "parameters", "input_schema", "inputSchema", "properties", "title"}
)
_EMPTY_SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {}}


def to_wire(
    tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool],
    *,
    strict: bool | None = None,
) -> WireTools:
    """Convert tools to wire form.

    Args:
        tools: Functions, pydantic classes, TypedDicts, LangChain tools, and dicts in OpenAI's,
            Anthropic's, MCP's or JSON schema's form; a server's own (`{"type": …}`) go as they are.
        strict: Whether the arguments must fit the schema; None sends nothing about it.

    Raises:
        ValueError: a value is no tool, two different tools have one name, or servers refuse a name.
    """
    if isinstance(tools, WireTools):
        return tools
    if not tools:
        return WireTools()
    wire = _distinct(_tool(tool, strict) for tool in tools)
    names = [tool["function"]["name"] for tool in wire if "function" in tool]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"Two tools are called {name!r}: rename one.")
    return wire


def _distinct(tools: Iterable[Tool]) -> WireTools:
    """Leave out a tool that is given twice, for example a class and its own JSON schema."""
    of_name: dict[str | None, list[Tool]] = {}
    distinct = WireTools()
    for tool in tools:
        others = of_name.setdefault(tool.get("function", {}).get("name"), [])
        if not (others and _without_titles(tool) in map(_without_titles, others)):
            others.append(tool)
            distinct.append(tool)
    return distinct


def _without_titles(schema: Any) -> Any:
    """Return a schema without the titles that pydantic writes into its own."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }


def _tool(tool: Any, strict: bool | None) -> Tool:
    if isinstance(tool, dict) and _is_servers_own(tool):
        return dict(tool)
    converted = _converted(tool, strict)
    # Core passes the flat form of OpenAI's Responses through: name and schema beside the type.
    function = converted.get("function", converted)
    if converted.get("type") != "function" or not isinstance(function.get("name"), str):
        raise ValueError(f"This is no tool that a Chat Completions server takes: {tool!r}.")
    if isinstance(tool, dict) and {"name", "function"} & tool.keys():
        _check_name(function["name"])
    function = {key: function[key] for key in _FUNCTION_KEYS if function.get(key) is not None}
    function["parameters"] = _parameters(function)
    wire = {"type": "function", "function": function}
    if mark := _cache_mark(tool):
        wire["cache_control"] = mark
    return wire


def _converted(tool: Any, strict: bool | None) -> Tool:
    """Convert by core's rules, which leave out the schema of an MCP server's own dict."""
    if isinstance(tool, dict) and "inputSchema" in tool and "name" in tool:
        tool = {**tool, "input_schema": tool["inputSchema"]}
    elif isinstance(tool, dict) and {"title", "name"} & tool.keys():
        tool = as_function(tool)
    try:
        return convert_to_openai_tool(tool, strict=strict)
    except (AttributeError, TypeError) as error:
        if is_typeddict(tool):
            return convert_to_openai_tool(of_typed_dict(tool), strict=strict)
        if callable(tool) and not isinstance(tool, type | BaseTool):
            raise ValueError(  # noqa: TRY004 - whatever is no tool is a ValueError
                f"{tool!r} is no function that can be read as a tool: wrap it in a function with "
                "a name, types and a docstring, or in `StructuredTool.from_function(...)`."
            ) from error
        raise


def _parameters(function: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return normalize_parameters(function.get("parameters"))
    except RecursionError:
        raise ValueError(
            f"The schema of the tool {function['name']!r} is nested too deep."
        ) from None


def _check_name(name: str) -> None:
    """Refuse an illegal name that the caller wrote; names of classes and titles are made legal."""
    if not LEGAL.fullmatch(name):
        raise ValueError(
            f"The tool name {name!r} is refused by servers: use 1 to 64 of A-Z, a-z, 0-9, "
            "`_` and `-`."
        )


def _is_servers_own(tool: Mapping[str, Any]) -> bool:
    """Return whether a dict is a tool that the server runs, such as a web search."""
    kind = tool.get("type")
    return kind not in {None, "function", "custom", "object"} and not _SCHEMA_KEYS & tool.keys()


def _cache_mark(tool: Any) -> Any:
    """Return the `cache_control` of a tool: in a LangChain tool's `extras`, or in the dict."""
    if isinstance(tool, BaseTool):
        return (tool.extras or {}).get("cache_control")
    return tool.get("cache_control") if isinstance(tool, dict) else None


def names_of(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the functions among tools in wire form."""
    return [tool["function"]["name"] for tool in tools if "function" in tool]


def schemas_by_name(
    tools: Sequence[Mapping[str, Any]], *, may_have_refs: bool = True
) -> dict[str, Mapping[str, Any]]:
    """Return the JSON schema of each function's parameters, `$ref` written out."""
    functions = [tool["function"] for tool in tools if "function" in tool]
    schemas = {f["name"]: f.get("parameters") or _EMPTY_SCHEMA for f in functions}
    if not may_have_refs:
        return schemas
    return {name: inline_refs(schema) for name, schema in schemas.items()}


def with_inlined_refs(tools: Sequence[Mapping[str, Any]]) -> list[Tool]:
    """Return tools with each `$ref` in their schemas written out; the given ones are not changed.

    See docs/quirks.md#references-in-tool-schemas.
    """
    return [
        {
            **tool,
            "function": {
                **tool["function"],
                "parameters": inline_refs(tool["function"]["parameters"]),
            },
        }
        if "function" in tool
        else dict(tool)
        for tool in tools
    ]
