"""List every setting by name and type, for editors and type checkers (pyright, mypy).

pydantic's fields say what is checked when a program runs; `ChatQwen36(**settings)` and
`model.invoke(..., **settings)` are typed by these. `tests/model/test_settings.py` keeps them equal
to the fields, their aliases and the names that a call takes.
"""

# Annotations stay text: little here is needed when a program runs.
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import httpx
    from langchain_core.caches import BaseCache
    from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
    from langchain_core.language_models import ModelProfile
    from langchain_core.rate_limiters import BaseRateLimiter
    from langchain_core.tools import BaseTool
    from pydantic import BaseModel, SecretStr

    from langchain_qwen36._content.history import Replay
    from langchain_qwen36._request.choices import Effort, ForcedToolChoice, PromptCache
    from langchain_qwen36._transport import Timeouts
    from langchain_qwen36.catalog import PriceBook
    from langchain_qwen36.gateways import Gateway

    Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool

Method = Literal["function_calling", "json_schema", "json_mode"]
"""How `with_structured_output` asks the server for an object."""


class CommonSettings(TypedDict, total=False):
    """Settings of the model that one call may override."""

    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    repetition_penalty: float | None
    max_tokens: int | None
    max_completion_tokens: int | None
    seed: int | None
    n: int | None
    logprobs: bool | None
    top_logprobs: int | None
    logit_bias: Mapping[int, float] | Mapping[str, float] | None
    user: str | None
    enable_thinking: bool | None
    thinking_budget: int | None
    reasoning_effort: Effort | None
    reasoning: Mapping[str, Any] | bool | None
    preserve_thinking: bool | None
    replay_reasoning: Replay
    forced_tool_choice: ForcedToolChoice
    provider: dict[str, Any] | None
    models: list[str] | None
    plugins: list[dict[str, Any]] | None
    provider_options: dict[str, Any] | None
    enable_search: bool | None
    search_options: dict[str, Any] | None
    enable_code_interpreter: bool | None
    vl_high_resolution_images: bool | None
    translation_options: dict[str, Any] | None
    tool_stream: bool | None
    prompt_cache: PromptCache | None
    extra_body: dict[str, Any] | None
    model_kwargs: dict[str, Any]
    force: bool
    strict_history: bool
    timeout: float | tuple[float | None, ...] | Timeouts | httpx.Timeout | None
    max_retries: int | None
    max_event_bytes: int | None
    stream_usage: bool
    include_response_headers: bool


class BoundSettings(CommonSettings, total=False):
    """Settings that `bind_tools` and `with_structured_output` bind besides their own arguments."""

    model: str
    model_name: str
    extra_headers: Mapping[str, str] | None
    extra_query: Mapping[str, str] | None
    stream_options: Mapping[str, Any] | None


class StructuredSettings(BoundSettings, total=False):
    """Settings that `with_structured_output` binds besides its own arguments."""

    parallel_tool_calls: bool | None


class CallSettings(StructuredSettings, total=False):
    """Settings that one call takes besides `input`, `config` and `stop`."""

    response_format: dict[str, Any] | type[BaseModel] | None
    tools: Sequence[Tool] | None
    tool_choice: dict[str, Any] | str | bool | None
    strict: bool | None
    functions: Sequence[Mapping[str, Any]] | None
    function_call: Mapping[str, str] | str | None


class BindSettings(CallSettings, total=False):
    """Settings that `bind` takes."""

    stop: list[str] | str | None


class InitSettings(CommonSettings, total=False):
    """Settings that the constructor takes besides the model's id."""

    stop: list[str] | str | None
    stop_sequences: list[str] | str | None
    response_format: dict[str, Any] | None
    parallel_tool_calls: bool | None
    price_book: PriceBook | None
    price_discount: float | None
    gateway: str | Gateway | None
    base_url: str | None
    api_base: str | None
    api_key: str | SecretStr | Callable[[], str] | Callable[[], Awaitable[str]] | None
    request_timeout: float | tuple[float | None, ...] | Timeouts | httpx.Timeout | None
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, str] | None
    http_client: Any
    http_async_client: Any
    max_connections: int
    proxy: str | None
    streaming: bool
    # LangChain's own.
    name: str | None
    cache: BaseCache | bool | None
    verbose: bool
    callbacks: list[BaseCallbackHandler] | BaseCallbackManager | None
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None
    rate_limiter: BaseRateLimiter | None
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: ModelProfile | None


class ModelSettings(InitSettings, total=False):
    """Settings that the constructor takes."""

    model: str
    model_name: str
