"""`ChatQwen36`: LangChain's hooks for generating and streaming, sync beside async."""

from __future__ import annotations

from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

# `with_fallbacks` resolves the annotations of public methods.
from langchain_core.language_models import BaseChatModel  # noqa: TC002
from langchain_core.runnables.config import run_in_executor

from langchain_qwen36._model import generate, prepare
from langchain_qwen36._model.base import BaseChatQwen
from langchain_qwen36._model.core_overrides import with_cached_signature
from langchain_qwen36._model.secret_settings import hide_secrets
from langchain_qwen36._model.settings import InitSettings, ModelSettings  # noqa: TC001
from langchain_qwen36._response.chunks import ChunkWriter
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._response.v3_events import EventWriter
from langchain_qwen36._transport import StreamCall
from langchain_qwen36.spend import announced_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_qwen36._model.list_models import ListedModel
    from langchain_qwen36._response.delta import Delta
    from langchain_qwen36.gateways import Gateway


class ChatQwen36(BaseChatQwen):
    """Qwen3.6 and its siblings, on any gateway that speaks Chat Completions.

    Setup:
        Set the key of one gateway: `DASHSCOPE_API_KEY`, `OPENROUTER_API_KEY`, `AI_GATEWAY_API_KEY`,
        `AIMLAPI_API_KEY` or `APIYI_API_KEY`. `gateway="local"` needs none.

        ```bash
        pip install langchain-qwen36
        export DASHSCOPE_API_KEY="your-api-key"
        ```

    Key init args - completion params:
        - `model`: the bare id, such as `qwen3.6-plus`, the same on every gateway.
        - `enable_thinking`, `thinking_budget`, `reasoning_effort`, `preserve_thinking`: sent
          under the gateway's own names; most may also be given for one call.
        - `temperature`, `top_p`, `seed`, `stop`: as everywhere; None is the server's default.
        - `max_tokens`, `max_completion_tokens`: limits of the answer, and of reasoning and
          answer together.

    Key init args - client params:
        - `gateway`: a name out of `GATEWAYS`, or a `Gateway` of your own. None: by `base_url`,
          by `QWEN36_GATEWAY`, or by the key that is set.
        - `base_url`, `api_key`: the server and the key, if not the gateway's own.
        - `timeout`, `max_retries`: `Timeouts` or seconds of silence; 2 retries by default.
        - `price_book`, `price_discount`: your own prices.

    Instantiate:
        ```python
        from langchain_qwen36 import ChatQwen36

        model = ChatQwen36(model="qwen3.6-plus", thinking_budget=2000, max_tokens=4000)
        ```

    Invoke:
        ```python
        message = model.invoke("How many r are in strawberry?")
        message.text  # the answer
        message.additional_kwargs["reasoning_content"]  # the reasoning
        message.content_blocks  # both, as LangChain's standard blocks
        ```

    Stream:
        ```python
        for chunk in model.stream("Tell me a story."):
            print(chunk.additional_kwargs.get("reasoning_content", ""), end="")
            print(chunk.text, end="")
        ```

    Async:
        ```python
        await model.ainvoke("Hello")

        async for chunk in model.astream("Hello"):
            print(chunk.text, end="")
        ```

    Tool calling:
        ```python
        from pydantic import BaseModel, Field

        class GetWeather(BaseModel):
            '''Get the current weather in a city.'''

            city: str = Field(description="Name of the city, in English")

        model.bind_tools([GetWeather]).invoke("Is it raining in Paris?").tool_calls
        ```

    Structured output:
        ```python
        class City(BaseModel):
            '''A city.'''

            name: str
            inhabitants: int

        model.with_structured_output(City).invoke("Which city is the capital of France?")
        ```

    Image input:
        ```python
        model.invoke([("user", [
            {"type": "text", "text": "What is in this picture?"},
            {"type": "image", "url": "https://example.com/cat.png"},
        ])])
        ```

    Token usage and cost:
        ```python
        message.usage_metadata  # input_tokens, output_tokens; cached and reasoning tokens
        message.response_metadata.get("cost")  # total, currency, tier; None: no known price
        model.estimate_cost("Summarise this …", max_tokens=2000).cost  # before the call
        ```

    Response metadata:
        `gateway`, `model_name`, `finish_reason`, `usage` as the server sent it, `cost`,
        `request_id`, and `notes` on settings that were changed.

    Errors are those of `langchain_qwen36.errors`.
    """

    def __init__(self, **settings: Unpack[ModelSettings]) -> None:
        """Check the settings, and that there is a gateway with a key.

        Raises:
            TypeError: a keyword that is no setting.
            MissingKeyError: no gateway can be chosen, or its key is not set.
            UnsupportedSettingError: an unknown gateway, one without a base URL, or a key that
                cannot be one.
        """
        hide_secrets(cast("dict[str, Any]", settings))
        super().__init__(**settings)
        prepare.check_api_key(self, self._endpoint)

    # Each async hook follows its sync twin.

    @with_cached_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        generate.expose_costs(run_manager)
        prepared = self._prepare(messages, stop, kwargs, stream=False)
        admitted = announced_calls.admit(run_manager and run_manager.run_id)
        result = generate.run(prepared, run_manager, admitted)
        if generate.tool_call_is_missing(prepared, result):
            again = self._prepare(
                messages, stop, generate.kwargs_without_thinking(prepared, kwargs), stream=False
            )
            with generate.attach_partial_result(result):
                if admitted is not None:
                    admitted.next_request(generate.billed_request(result))
                second = generate.run(again, run_manager, admitted)
            return generate.with_combined_billing(result, second)
        return result

    @with_cached_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        generate.expose_costs(run_manager)
        with generate.BookIfCancelled(run_manager, sent=False):
            prepared = await self._aprepare(messages, stop, kwargs, stream=False)
            admitted = await announced_calls.aadmit(run_manager and run_manager.run_id)
        result = await generate.arun(prepared, run_manager, admitted)
        if generate.tool_call_is_missing(prepared, result):
            again = await self._aprepare(
                messages, stop, generate.kwargs_without_thinking(prepared, kwargs), stream=False
            )
            with generate.attach_partial_result(result):
                if admitted is not None:
                    await admitted.anext_request(generate.billed_request(result))
                second = await generate.arun(again, run_manager, admitted)
            return generate.with_combined_billing(result, second)
        return result

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        prepared = self._prepare(messages, stop, kwargs, stream=True)
        admitted = announced_calls.admit(run_manager and run_manager.run_id)
        stream = StreamCall(
            prepared.api_call, partial(CompletionReader, prepared.request), admitted
        )
        writer = ChunkWriter()
        with closing(iter(stream)) as batches:
            for deltas in batches:
                for delta in deltas:
                    chunk = writer.write(delta)
                    if run_manager is not None:
                        run_manager.on_llm_new_token(_token(delta), chunk=chunk)
                    yield chunk
        yield generate.last_chunk(prepared, writer, stream)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        prepared = await self._aprepare(messages, stop, kwargs, stream=True)
        admitted = await announced_calls.aadmit(run_manager and run_manager.run_id)
        stream = StreamCall(
            prepared.api_call, partial(CompletionReader, prepared.request), admitted
        )
        writer = ChunkWriter()
        async with aclosing(aiter(stream)) as batches:
            async for deltas in batches:
                for delta in deltas:
                    chunk = writer.write(delta)
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(_token(delta), chunk=chunk)
                    yield chunk
        yield generate.last_chunk(prepared, writer, stream)

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """Stream LangChain's v3 events without building chunks first."""
        generate.expose_costs(run_manager)
        prepared = self._prepare(messages, stop, kwargs, stream=True)
        admitted = announced_calls.admit(run_manager and run_manager.run_id)
        stream = StreamCall(
            prepared.api_call, partial(CompletionReader, prepared.request), admitted
        )
        writer, chunks = EventWriter(prepared.request), ChunkWriter()
        callbacks = generate.active_callbacks(run_manager)
        with closing(iter(stream)) as batches:
            for deltas in batches:
                for delta in deltas:
                    if callbacks is not None:
                        callbacks.on_llm_new_token(_token(delta), chunk=chunks.write(delta))
                    yield from writer.write(delta)
        yield from writer.finish(stream.reader, stream.meta)

    async def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """Stream LangChain's v3 events, async."""
        generate.expose_costs(run_manager)
        prepared = await self._aprepare(messages, stop, kwargs, stream=True)
        admitted = await announced_calls.aadmit(run_manager and run_manager.run_id)
        stream = StreamCall(
            prepared.api_call, partial(CompletionReader, prepared.request), admitted
        )
        writer, chunks = EventWriter(prepared.request), ChunkWriter()
        callbacks = generate.active_callbacks(run_manager)
        async with aclosing(aiter(stream)) as batches:
            async for deltas in batches:
                for delta in deltas:
                    if callbacks is not None:
                        await callbacks.on_llm_new_token(_token(delta), chunk=chunks.write(delta))
                    for event in writer.write(delta):
                        yield event
        for event in writer.finish(stream.reader, stream.meta):
            yield event

    def _prepare(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        *,
        stream: bool,
    ) -> prepare.PreparedCall:
        endpoint = prepare.ensure_engine_running(self._endpoint)
        key = prepare.sync_api_key(self, endpoint)
        return prepare.prepare_call(
            self, endpoint, key, messages, stop=stop, kwargs=kwargs, stream=stream
        )

    async def _aprepare(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        *,
        stream: bool,
    ) -> prepare.PreparedCall:
        endpoint = self._endpoint
        if endpoint.gateway.embedded:
            endpoint = await run_in_executor(None, prepare.ensure_engine_running, endpoint)
        key = await prepare.async_api_key(self, endpoint)
        return prepare.prepare_call(
            self, endpoint, key, messages, stop=stop, kwargs=kwargs, stream=stream
        )

    @classmethod
    def from_chat_openai(cls, model: BaseChatModel, **settings: Unpack[InitSettings]) -> Self:
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

    @staticmethod
    def list_models(
        gateway: str | Gateway | None = None, *, base_url: str | None = None, **options: Any
    ) -> list[ListedModel]:
        """List the models of a gateway: its own `/models`, joined with the catalogue.

        Args:
            gateway: Its name or row; None: as the constructor would choose it.
            base_url: The URL of a server of your own.
            **options: `api_key`, `http_client`, and `only_qwen=False` for other makers' models.
        """
        from langchain_qwen36._model.list_models import list_models  # noqa: PLC0415, it imports httpx

        return list_models(gateway, base_url=base_url, **options)


def _token(delta: Delta) -> str:
    return delta.text if delta.kind == "text" else ""
