"""What a model binds: tools and a schema for its answer."""

from __future__ import annotations

# `with_fallbacks` resolves the annotations of the public methods when it binds tools through.
# ruff: noqa: TC002, TC003
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Literal, TypeVar, overload

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool

from langchain_qwen36._model import tool_binding as binding
from langchain_qwen36._model.base import DescribedModel

_Schema = TypeVar("_Schema")


class BoundModel(DescribedModel):
    """A model that can be told which tools there are and what its answer must look like."""

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Any = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools.

        Args:
            tools: Functions, pydantic classes, TypedDicts, LangChain tools, or dicts in OpenAI's,
                Anthropic's or JSON schema's form.
            tool_choice: `"auto"`, `"none"`, `"any"` / `"required"` / `True`, a tool's name, or
                a dict. While thinking, Qwen's servers refuse a forced one: `forced_tool_choice`
                says what happens then.
            strict: Whether the arguments must fit the schema.
            parallel_tool_calls: Whether several tools may be called at once.
            response_format: A schema for the final answer, or OpenAI's dict.
            **kwargs: Further settings of each call.

        Raises:
            ValueError: something that is no tool, or a choice that names none of them.
        """
        bound = binding.tool_kwargs(tools, tool_choice, strict=strict)
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        if response_format is not None:
            bound["response_format"] = binding.response_format_of(response_format, strict=strict)
        return self.bind(**bound, **kwargs)

    @overload
    def with_structured_output(
        self,
        schema: type[_Schema],
        *,
        method: binding.Method = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        tools: tuple[()] = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, _Schema]: ...

    @overload
    def with_structured_output(
        self,
        schema: type[_Schema],
        *,
        method: binding.Method = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        tools: Sequence[Any],
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, _Schema | None]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = ...,
        *,
        method: binding.Method = ...,
        include_raw: bool = ...,
        strict: bool | None = ...,
        tools: Sequence[Any] = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]: ...

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: binding.Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[Any] = (),
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Answer with an object of a schema.

        Args:
            schema: A pydantic class, a TypedDict, or a JSON or OpenAI schema; pydantic gives
                objects of the class, all else plain dicts.
            method: How the server is asked. The default works on every gateway; `json_schema`
                becomes `json_mode` with the schema in words where the server cannot do it.
            include_raw: Give `{"raw": message, "parsed": …, "parsing_error": …}` and never raise.
            strict: Whether the server must hold the schema.
            tools: Tools that may be called instead of answering (not with function_calling).
            **kwargs: Further settings of each call.

        Raises:
            ValueError: no schema where one is needed.
            OutputParserException: when called, and the answer holds no such object; the message
                says what it held.
        """
        bound, parser = binding.structured_kwargs(schema, method, strict=strict, tools=tools)
        model = self.bind(**bound, **kwargs)
        if not include_raw:
            return model | parser
        parsed = RunnablePassthrough.assign(
            parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
        )
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=model) | parsed.with_fallbacks(
            [failed], exception_key="parsing_error"
        )
