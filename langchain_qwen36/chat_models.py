"""`ChatQwen36`: LangChain's hooks, each a thin twin over one core."""

from __future__ import annotations

# `with_fallbacks` resolves the annotations of the public methods when it binds tools through.
# ruff: noqa: TC002, TC003
from collections.abc import Callable, Sequence
from contextlib import aclosing, closing
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import BaseTool

from langchain_qwen36._call import StreamCall
from langchain_qwen36._model import asking, binding, calling, location
from langchain_qwen36._model.described import DescribedModel
from langchain_qwen36._wire.chunks import ChunkWriter
from langchain_qwen36._wire.events import EventWriter
from langchain_qwen36._wire.stream import StreamReader
from langchain_qwen36.callbacks.trace import show_costs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_qwen36._wire.types import Delta


class ChatQwen36(DescribedModel):
    """Qwen3.6 and its siblings, on any gateway that speaks Chat Completions.

    Setup:
        Set the key of a gateway (`DASHSCOPE_API_KEY`, `OPENROUTER_API_KEY`, …), or use
        `gateway="local"`, which needs none.

    Instantiate:
        ```python
        from langchain_qwen36 import ChatQwen36

        model = ChatQwen36(model="qwen3.6-plus", enable_thinking=True)
        ```

    Invoke:
        ```python
        message = model.invoke("How many r are in strawberry?")
        message.text, message.additional_kwargs["reasoning_content"]
        message.usage_metadata, message.response_metadata["cost"]
        ```

    Stream:
        ```python
        for chunk in model.stream("Tell me a story."):
            print(chunk.text, end="")
        ```

    Tools:
        ```python
        model.bind_tools([get_weather], tool_choice="any").invoke("Is it raining in Paris?")
        ```

    Structured output:
        ```python
        model.with_structured_output(City).invoke("The capital of France.")
        ```

    Errors are those of `langchain_qwen36.errors`.
    """

    def __init__(self, **data: Any) -> None:
        """Check the settings, and that there is a gateway with a key.

        Raises:
            TypeError: a keyword that is no setting.
            MissingKeyError: no gateway can be chosen, or its key is not set.
            UnsupportedSettingError: an unknown gateway, or one without an address.
        """
        super().__init__(**data)
        _ = self._endpoint

    # Asking. Each async hook is the twin of the sync one above it.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        show_costs(run_manager)
        asked = self._ask(messages, stop, kwargs, stream=False)
        result = asking.answer(asked, run_manager)
        if asking.is_unforced(asked, result):
            again = self._ask(messages, stop, asking.once_more(asked, kwargs), stream=False)
            with asking.carried(result):
                return asking.both(result, asking.answer(again, run_manager))
        return result

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        show_costs(run_manager)
        asked = await self._aask(messages, stop, kwargs, stream=False)
        result = await asking.aanswer(asked, run_manager)
        if asking.is_unforced(asked, result):
            again = await self._aask(messages, stop, asking.once_more(asked, kwargs), stream=False)
            with asking.carried(result):
                return asking.both(result, await asking.aanswer(again, run_manager))
        return result

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        asked = self._ask(messages, stop, kwargs, stream=True)
        stream = StreamCall(asked.call, partial(StreamReader, asked.request))
        writer = ChunkWriter()
        with closing(iter(stream)) as answer:
            for deltas in answer:
                for delta in deltas:
                    chunk = writer.write(delta)
                    if run_manager is not None:
                        run_manager.on_llm_new_token(_token(delta), chunk=chunk)
                    yield chunk
        yield writer.last(stream.reader, stream.meta)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked = await self._aask(messages, stop, kwargs, stream=True)
        stream = StreamCall(asked.call, partial(StreamReader, asked.request))
        writer = ChunkWriter()
        async with aclosing(aiter(stream)) as answer:
            async for deltas in answer:
                for delta in deltas:
                    chunk = writer.write(delta)
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(_token(delta), chunk=chunk)
                    yield chunk
        yield writer.last(stream.reader, stream.meta)

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """LangChain's v3 events without the detour over chunks (T9, T19)."""
        show_costs(run_manager)
        asked = self._ask(messages, stop, kwargs, stream=True)
        stream = StreamCall(asked.call, partial(StreamReader, asked.request))
        writer, chunks = EventWriter(asked.request), ChunkWriter()
        heard = asking.heard_by(run_manager)
        with closing(iter(stream)) as answer:
            for deltas in answer:
                for delta in deltas:
                    if heard is not None:
                        heard.on_llm_new_token(_token(delta), chunk=chunks.write(delta))
                    yield from writer.write(delta)
        yield from writer.finish(stream.reader, stream.meta)

    async def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """`_stream_chat_model_events`, async."""
        show_costs(run_manager)
        asked = await self._aask(messages, stop, kwargs, stream=True)
        stream = StreamCall(asked.call, partial(StreamReader, asked.request))
        writer, chunks = EventWriter(asked.request), ChunkWriter()
        heard = asking.heard_by(run_manager)
        async with aclosing(aiter(stream)) as answer:
            async for deltas in answer:
                for delta in deltas:
                    if heard is not None:
                        await heard.on_llm_new_token(_token(delta), chunk=chunks.write(delta))
                    for event in writer.write(delta):
                        yield event
        for event in writer.finish(stream.reader, stream.meta):
            yield event

    # Preparing.

    def _ask(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        *,
        stream: bool,
    ) -> calling.Asked:
        endpoint = location.started(self._endpoint)
        key = calling.sync_key(self, endpoint)
        return calling.prepare(
            self, endpoint, key, messages, stop=stop, kwargs=kwargs, stream=stream
        )

    async def _aask(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        *,
        stream: bool,
    ) -> calling.Asked:
        endpoint = self._endpoint
        if endpoint.gateway.embedded:
            endpoint = await run_in_executor(None, location.started, endpoint)
        key = await calling.async_key(self, endpoint)
        return calling.prepare(
            self, endpoint, key, messages, stop=stop, kwargs=kwargs, stream=stream
        )

    # Binding.

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

    @classmethod
    def from_chat_openai(cls, model: BaseChatModel, **settings: Any) -> Self:
        """Turn a `ChatOpenAI` that points at a Qwen endpoint into ours.

        Every setting is carried over; one `QwenWarning` names those that have no counterpart.

        Args:
            model: A `ChatOpenAI`, or a child of its base class.
            **settings: Further settings, which win.

        Raises:
            TypeError: a model of another kind.
            ValueError: it points at OpenAI itself.
        """
        from langchain_qwen36 import migration  # noqa: PLC0415, it imports httpx

        return cls(**{**migration.settings_of(model), **settings})


def _token(delta: Delta) -> str:
    return delta.text if delta.kind == "text" else ""
