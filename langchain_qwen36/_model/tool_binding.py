"""Build the keywords that `bind_tools` and `with_structured_output` bind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never, get_args

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from typing_extensions import is_typeddict

from langchain_qwen36._content.tool_names import legal_tool_name
from langchain_qwen36._model.output_parser import StructuredOutputParser, target_of
from langchain_qwen36._model.settings import Method
from langchain_qwen36._model.value_schema import ValueParser, wrap
from langchain_qwen36._request import tools as wire_tools
from langchain_qwen36._request.dict_schema import as_function, of_typed_dict, with_value
from langchain_qwen36._request.tool_choice import choice_to_wire, wants_one_call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Tools = "Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool]"
ToolChoice = dict[str, Any] | str | bool | None


def tool_kwargs(
    tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
    tool_choice: ToolChoice,
    *,
    strict: bool | None,
) -> dict[str, Any]:
    """Return the keywords that carry tools; none without tools: servers refuse an empty list.

    See docs/quirks.md#empty-tools-list.

    Schemas are converted here, once, not at each call.

    Raises:
        ValueError: something that is no tool, or a choice that names none of them.
    """
    wire = wire_tools.to_wire(tools, strict=strict)
    choice = choice_to_wire(tool_choice, wire)
    kwargs: dict[str, Any] = {"tools": wire} if wire else {}
    if choice is not None:
        kwargs["tool_choice"] = choice
    if wants_one_call(tool_choice):
        kwargs["parallel_tool_calls"] = False
    if choice == "required" and (answers := [tool for tool in tools if _only_answers(tool)]):
        kwargs["answer_tool"] = convert_to_openai_tool(answers[-1])["function"]["name"]
    return kwargs


def _only_answers(tool: Any) -> bool:
    """Return whether a tool is only a schema, with nothing to run: its call is the answer.

    `create_agent` binds its response format in this way, besides the tools that have an effect.
    """
    if isinstance(tool, BaseTool):
        # By its fields: `StructuredTool` is in a module that nothing else loads at import.
        return all(getattr(tool, name, tool) is None for name in ("func", "coroutine"))
    return isinstance(tool, type) and is_basemodel_subclass(tool)


def response_format_of(schema: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """Return `response_format` for a schema in any of LangChain's forms, or the one given."""
    if isinstance(schema, dict) and schema.get("type") in {"json_schema", "json_object", "text"}:
        return schema
    schema = _described(schema)
    function = convert_to_openai_tool(schema, strict=strict)["function"]
    body = {"name": legal_tool_name(function["name"]), "schema": function["parameters"]}
    if function.get("description"):
        body["description"] = function["description"]
    if function.get("strict") is not None:
        body["strict"] = function["strict"]
    return {"type": "json_schema", "json_schema": body}


def whole_response_format(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a response format as servers take it, if it is only a schema or has it at its top.

    Other types (`structural_tag`, `regex`) are a server's own and go as they are.
    """
    if wanted is None or "json_schema" in wanted:
        return wanted
    match wanted:
        case {"type": "json_schema" | "json_object", "schema": dict()}:
            return response_format_of({"name": "answer", **wanted, "type": None})
        case {"name": str(), "schema": dict()} if "type" not in wanted:
            return response_format_of(wanted)
        case {"type": "object"} | {"properties": dict()}:
            return response_format_of(wanted)
        case _:
            return wanted


def _described(schema: Any) -> Any:
    """Return a schema that core would not convert whole as a function; others as they are.

    A title may have spaces, which no name of a tool has.
    """
    if is_typeddict(schema):
        try:
            convert_to_openai_tool(schema)
        except TypeError:
            return of_typed_dict(schema)
    if not isinstance(schema, dict):
        return schema
    function = as_function(schema)
    if "name" in schema or "name" not in function:
        return function
    return {**function, "name": legal_tool_name(function["name"])}


def structured_kwargs(
    schema: Any, method: Method, *, strict: bool | None, tools: Sequence[Any]
) -> tuple[dict[str, Any], StructuredOutputParser]:
    """Return what to bind for a structured answer, and the parser that reads it.

    Raises:
        ValueError: no such method, no schema where one is needed, one that cannot be written as
            a JSON schema, or tools beside `function_calling`.
    """
    if method not in get_args(Method):
        raise ValueError(f"`method={method!r}` is not known; it is one of {get_args(Method)}.")
    if schema is None and method != "json_mode":
        raise ValueError(f"`method={method!r}` needs a `schema`; only json_mode goes without.")
    schema = _described(schema)
    wrapped = with_value(schema) if isinstance(schema, dict) else wrap(schema)
    make_parser = ValueParser if wrapped else StructuredOutputParser
    schema = wrapped or schema
    trace = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    kwargs: dict[str, Any] = {"ls_structured_output_format": trace} if schema is not None else {}
    parser = make_parser(target=target_of(schema), may_call_tools=bool(tools))
    match method:
        case "function_calling":
            if tools:
                raise ValueError(
                    '`tools` go with `method="json_schema"`, where text is the answer.'
                )
            parser.tool_name = convert_to_openai_tool(schema)["function"]["name"]
            kwargs |= tool_kwargs([schema], parser.tool_name, strict=strict)
            kwargs["parallel_tool_calls"] = False
        case "json_schema":
            kwargs |= tool_kwargs(tools, None, strict=strict)
            kwargs["response_format"] = response_format_of(schema, strict=strict)
        case "json_mode":
            kwargs |= tool_kwargs(tools, None, strict=strict)
            kwargs["response_format"] = {"type": "json_object"}
            if schema is not None:
                kwargs["json_hint"] = convert_to_json_schema(schema)
        case never:
            assert_never(never)
    return kwargs, parser
