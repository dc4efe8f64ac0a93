"""`ChatQwen36`: LangChain's hooks, each a thin twin over one core."""

from __future__ import annotations

import inspect
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

# `with_fallbacks` resolves the annotations of public methods.
from langchain_core.language_models import BaseChatModel  # noqa: TC002
from langchain_core.runnables.config import run_in_executor

from langchain_qwen36._model import generate as asking
from langchain_qwen36._model import location
from langchain_qwen36._model import prepare as calling
from langchain_qwen36._model.bound import BoundModel
from langchain_qwen36._response.chunks import ChunkWriter
from langchain_qwen36._response.events import EventWriter
from langchain_qwen36._response.reader import StreamReader
from langchain_qwen36._transport import StreamCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_qwen36._request.types import Delta

_Hook = TypeVar("_Hook", bound="Callable[..., Any]")


def _signed(hook: _Hook) -> _Hook:
    """Keep the signature, which LangChain looks at in every call: 4 µs instead of 18."""
    hook.__signature__ = inspect.signature(hook)  # type: ignore[attr-defined]
    return hook


class ChatQwen36(BoundModel):
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
        - `enable_thinking`, `thinking_budget`, `reasoning_effort`, `preserve_thinking`: said in
          the gateway's own way; most may also be given for one call.
        - `temperature`, `top_p`, `seed`, `stop`: as everywhere; None is the server's default.
        - `max_tokens`, `max_completion_tokens`: most tokens of the answer, and of thoughts and
          answer together.

    Key init args - client params:
        - `gateway`: a name out of `GATEWAYS`, or a `Gateway` of your own. None: by `base_url`,
          by `QWEN36_GATEWAY`, or by the key that is set.
        - `base_url`, `api_key`: where, and with which key, if not as the gateway's row says.
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
        message.additional_kwargs["reasoning_content"]  # the thoughts
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
        `request_id`, and `notes` on what was done otherwise than asked.

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

    @_signed
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asking.show_costs(run_manager)
        asked = self._ask(messages, stop, kwargs, stream=False)
        result = asking.answer(asked, run_manager)
        if asking.is_unforced(asked, result):
            again = self._ask(messages, stop, asking.once_more(asked, kwargs), stream=False)
            with asking.carried(result):
                return asking.both(result, asking.answer(again, run_manager))
        return result

    @_signed
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asking.show_costs(run_manager)
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
        asking.show_costs(run_manager)
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
        asking.show_costs(run_manager)
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
