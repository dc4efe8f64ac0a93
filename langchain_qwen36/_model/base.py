"""`BaseChatQwen`: what LangChain may ask of a model without calling it.

Identity, profile, token counts, cost estimates, copying, pickling, and binding tools or a schema.
Modules that not every program needs are imported in the methods: they would be half of the
package's import.
"""

from __future__ import annotations

# `with_fallbacks` resolves the annotations of the public methods it passes on.
# ruff: noqa: TC002, TC003
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload

from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from pydantic import model_validator

from langchain_qwen36._model import identity
from langchain_qwen36._model.connection import resolve_endpoint
from langchain_qwen36._model.fields import check_names
from langchain_qwen36._model.settings import (  # noqa: TC001
    BoundSettings,
    Method,
    StructuredSettings,
)
from langchain_qwen36._model.typed_calls import TypedCalls

if TYPE_CHECKING:
    from langchain_core.language_models.base import LangSmithParams

    from langchain_qwen36._model.cost_estimate import CostEstimate
    from langchain_qwen36.gateways import Endpoint

_Schema = TypeVar("_Schema")


class BaseChatQwen(TypedCalls):
    """The settings, with every method that needs no call."""

    @property
    def _endpoint(self) -> Endpoint:
        """The gateway, its base URL and key; resolved again when a setting has changed."""
        settings = (self.gateway, self.base_url, self.api_key is None)
        # In `__dict__`, like core's cached properties, which equality of models ignores.
        cached = self.__dict__.get("_located")
        if cached is None or cached[0] != settings:
            cached = self.__dict__["_located"] = (settings, resolve_endpoint(self))
        endpoint: Endpoint = cached[1]
        return endpoint

    @property
    def model(self) -> str:
        """The model's id; the same as `model_name`."""
        return self.model_name

    @property
    def _llm_type(self) -> str:
        return "qwen36-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        endpoint = self._endpoint
        return dict(self._derived("params", lambda: identity.params(self, endpoint)))

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return identity.langsmith_params(self, stop, kwargs)

    @model_validator(mode="after")
    def _renew_stale_profile(self) -> Self:
        """Replace a profile that a copy took over from another model."""
        self._renew_profile()
        return self

    def _renew_profile(self) -> None:
        if self.profile and identity.is_stale(self.profile, self.model_name):
            self.profile = self._resolve_model_profile()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the model with some settings changed; the profile follows the model.

        Raises:
            TypeError: a name that is no setting.
        """
        changes = dict(update or {})
        check_names(type(self), changes, "model_copy")
        if "model" in changes:
            changes["model_name"] = changes.pop("model")
        copy = super().model_copy(update=changes, deep=deep)
        if "profile" not in changes:
            copy._renew_profile()  # noqa: SLF001  # a copy of ourselves
        return copy

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy deeply; the user's own HTTP clients are shared, since sockets cannot be copied."""
        shared = (self.http_client, self.http_async_client, self.price_book)
        return super().__deepcopy__({**(memo or {}), **{id(item): item for item in shared}})

    def __getstate__(self) -> dict[Any, Any]:
        """Pickle without the user's own HTTP clients: the copy makes connections of its own.

        A key from the environment is left out too: the copy reads the variable where it runs.
        """
        state = super().__getstate__()
        own = ("http_client", "http_async_client", "_derived_cache", "_located", "_made_at")
        left_out = dict.fromkeys(own)
        return {**state, "__dict__": {**state["__dict__"], **left_out}}

    def _resolve_model_profile(self) -> ModelProfile | None:
        return identity.profile(self.model_name, self._endpoint.gateway)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: `dumps` can write the model; keys are never written."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The environment variable that `loads` reads the key from."""
        return {"api_key": next(iter(self._endpoint.gateway.key_env), "QWEN36_API_KEY")}

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        from langchain_qwen36._model.generate import combine_llm_outputs  # noqa: PLC0415

        return combine_llm_outputs(llm_outputs)

    def get_token_ids(self, text: str) -> list[int]:
        """Return the ids of a text's tokens, by Qwen's tokenizer.

        Raises:
            ImportError: the extra `tokenizer` is not installed.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        from langchain_qwen36.tokens import token_ids  # noqa: PLC0415

        return token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """Count the tokens of a text: estimated, or exact with the extra `tokenizer`."""
        from langchain_qwen36.tokens import count_text  # noqa: PLC0415

        return count_text(text)

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Count the tokens of messages and tools, with those that the chat template adds."""
        from langchain_qwen36._model.cost_estimate import count  # noqa: PLC0415

        return count(self, self._endpoint.gateway, messages, {"tools": tools} if tools else {})

    def estimate_cost(
        self,
        messages: LanguageModelInput,
        *,
        tools: Sequence[Any] = (),
        max_tokens: int | None = None,
    ) -> CostEstimate:
        """Estimate what a call would cost by the price list, and how far the next price tier is.

        Reasoning is included only as far as `max_tokens` limits it: some servers bill it on top.

        Args:
            messages: What `invoke` would take.
            tools: What `bind_tools` would take.
            max_tokens: The longest answer to reckon with; the model's own limit when left out.
        """
        from langchain_qwen36._model.cost_estimate import estimate  # noqa: PLC0415

        prompt = self._convert_input(messages).to_messages()
        options = {"tools": tools} if tools else {}
        return estimate(self, self._endpoint.gateway, prompt, options, max_tokens)

    def bind_tools(  # type: ignore[override]  # settings are typed, LangChain's are Any
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Any = None,
        **kwargs: Unpack[BoundSettings],
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
        from langchain_qwen36._model import tool_binding  # noqa: PLC0415

        bound = tool_binding.tool_kwargs(tools, tool_choice, strict=strict)
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        if response_format is not None:
            bound["response_format"] = tool_binding.response_format_of(
                response_format, strict=strict
            )
        return self.bind(**bound, **kwargs)

    @overload  # type: ignore[override]
    def with_structured_output(
        self,
        schema: type[_Schema],
        *,
        method: Method = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        tools: tuple[()] = ...,
        **kwargs: Unpack[StructuredSettings],
    ) -> Runnable[LanguageModelInput, _Schema]: ...

    @overload
    def with_structured_output(
        self,
        schema: type[_Schema],
        *,
        method: Method = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        tools: Sequence[Any],
        **kwargs: Unpack[StructuredSettings],
    ) -> Runnable[LanguageModelInput, _Schema | None]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = ...,
        *,
        method: Method = ...,
        include_raw: bool = ...,
        strict: bool | None = ...,
        tools: Sequence[Any] = ...,
        **kwargs: Unpack[StructuredSettings],
    ) -> Runnable[LanguageModelInput, Any]: ...

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[Any] = (),
        **kwargs: Unpack[StructuredSettings],
    ) -> Runnable[LanguageModelInput, Any]:
        """Make the model answer with an object of a schema.

        Args:
            schema: A pydantic class, a TypedDict, or a JSON or OpenAI schema; pydantic gives
                objects of the class, these others plain dicts. Any other type that pydantic
                knows, such as `list[Person]` or `Literal["a", "b"]`, gives its value.
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
        from langchain_qwen36._model import tool_binding  # noqa: PLC0415

        bound, parser = tool_binding.structured_kwargs(schema, method, strict=strict, tools=tools)
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
