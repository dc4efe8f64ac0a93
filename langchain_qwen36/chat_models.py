"""`ChatQwen36`: LangChain's hooks for generating and streaming, sync beside async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack, cast

# `with_fallbacks` resolves the annotations of public methods.
from langchain_core.language_models import BaseChatModel  # noqa: TC002

from langchain_qwen36._model.base import BaseChatQwen
from langchain_qwen36._model.connection import check_api_key
from langchain_qwen36._model.core_overrides import with_cached_signature
from langchain_qwen36._model.secret_settings import hide_secrets
from langchain_qwen36._model.settings import InitSettings, ModelSettings  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_qwen36._model.list_models import ListedModel
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
        check_api_key(self, self._endpoint)

    # `hooks` is imported by the first call, with httpx and all that reads answers: it would be
    # half of the package's import.

    @with_cached_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen36._model.hooks import generate  # noqa: PLC0415

        return generate(self, messages, stop, run_manager, kwargs)

    @with_cached_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen36._model.hooks import agenerate  # noqa: PLC0415

        return await agenerate(self, messages, stop, run_manager, kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from langchain_qwen36._model.hooks import stream  # noqa: PLC0415

        return stream(self, messages, stop, run_manager, kwargs)

    # A coroutine function that yields would cost each chunk a step more.
    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        from langchain_qwen36._model.hooks import astream  # noqa: PLC0415

        return astream(self, messages, stop, run_manager, kwargs)

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """Stream LangChain's v3 events without building chunks first."""
        from langchain_qwen36._model.hooks import stream_events  # noqa: PLC0415

        return stream_events(self, messages, stop, run_manager, kwargs)

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """Stream LangChain's v3 events, async."""
        from langchain_qwen36._model.hooks import astream_events  # noqa: PLC0415

        return astream_events(self, messages, stop, run_manager, kwargs)

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
