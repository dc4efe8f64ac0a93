"""The settings of `ChatQwen36`: names, types, defaults, and the checks at construction."""

# No `from __future__ import annotations`: pydantic would compile the text of every annotation anew
# for each subclass, which took a tenth of the package's import.
import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Annotated, Any, Self, Unpack, cast

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    SecretStr,
    field_serializer,
    field_validator,
    model_validator,
)

from langchain_qwen36._content.history import Replay
from langchain_qwen36._model.secret_settings import hide_secrets
from langchain_qwen36._model.setting_hints import unknown_setting

# `with_fallbacks` resolves the annotations of public methods.
from langchain_qwen36._model.settings import ModelSettings
from langchain_qwen36._model.translated_settings import FOREIGN_NAMES, translate
from langchain_qwen36._request.choices import Effort, ForcedToolChoice, PromptCache
from langchain_qwen36._request.thinking import check_budget
from langchain_qwen36._user_line import constructing_line
from langchain_qwen36._version import __version__
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.gateways import GATEWAYS, Gateway

DEFAULT_MODEL = "qwen3.6-plus"
EMBEDDED_MODEL = "smollm2-135m-instruct"
"""Default model id of the embedded engine."""

ApiKey = SecretStr | Callable[[], str] | Callable[[], Awaitable[str]]
JSONObject = dict[str, Any]
TokenId = Annotated[str, Field(coerce_numbers_to_str=True)]
"""A token's id: a number in Python, a text as a key of JSON."""


class QwenFields(BaseChatModel):
    """The settings as fields; `ChatQwen36` adds the behavior."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        populate_by_name=True,
        protected_namespaces=(),
        # A validator of so many fields takes 6 ms to build, which happens at the first model, once.
        defer_build=True,
        # The error of one setting would quote others, and one of those is the key.
        hide_input_in_errors=True,
    )

    model_name: str = Field(default=DEFAULT_MODEL, alias="model")
    """The model's bare id, such as `qwen3.6-plus`; `"openrouter:qwen3.6-plus"` also names the
    gateway. Ids that are not in the catalogue go through unchanged."""

    # What the model should do.
    temperature: float | None = None
    """Sampling temperature, 0 to below 2. The servers' default is 0.6 while thinking, else 0.7."""
    top_p: float | None = None
    """Nucleus sampling: the share of probability to sample from, above 0 to 1."""
    top_k: int | None = None
    """Sample from the k likeliest tokens."""
    min_p: float | None = None
    """Drop tokens less likely than this share of the likeliest."""
    presence_penalty: float | None = None
    """Penalty for tokens that occurred, -2 to 2."""
    frequency_penalty: float | None = None
    """Penalty by how often a token occurred, -2 to 2; Alibaba's own servers ignore it."""
    repetition_penalty: float | None = None
    """Factor against repetition, above 0; 1.0 is none."""
    max_tokens: int | None = None
    """Most tokens of the answer; on Alibaba's servers the reasoning does not count."""
    max_completion_tokens: int | None = None
    """Most tokens of reasoning and answer together, where the model supports it."""
    seed: int | None = None
    """Seed for repeatable sampling, as far as the server promises it."""
    stop: list[str] | str | None = Field(default=None, alias="stop_sequences")
    """Texts at which the answer ends."""
    n: int | None = Field(default=None, ge=1)
    """How many answers `generate` returns; above 1 only without tools and thinking."""
    logprobs: bool | None = None
    """Whether to return log probabilities, in `response_metadata["logprobs"]`."""
    top_logprobs: int | None = None
    """How many alternatives to return for each token."""
    logit_bias: dict[TokenId, float] | None = None
    """Bias by token id."""
    user: str | None = None
    """The id of your end user, if the gateway keeps one."""
    response_format: JSONObject | None = None
    """`{"type": "json_object"}` or `{"type": "json_schema", "json_schema": …}`."""
    parallel_tool_calls: bool | None = None
    """Whether several tools may be called at once. None: as the gateway's row says."""

    # Thinking.
    enable_thinking: bool | None = None
    """Whether to think. None: the model's default."""
    thinking_budget: int | None = None
    """Most tokens of reasoning; 0 switches thinking off."""
    reasoning_effort: Effort | None = None
    """`none` to `max`; becomes a budget where a gateway has no effort."""
    preserve_thinking: bool | None = None
    """Whether to send back the reasoning of all earlier turns. None: with tools, if the model
    can."""
    replay_reasoning: Replay = "tool_loop"
    """Which assistant messages are sent back with their reasoning: those since the last user
    message, all, or none."""
    forced_tool_choice: ForcedToolChoice = "disable_thinking"
    """What to do with a forced tool choice that the server refuses while thinking."""

    # Settings of some gateways.
    provider: JSONObject | None = None
    """Routing among providers (OpenRouter `provider`)."""
    models: list[str] | None = None
    """Fallback models, in order (OpenRouter, Vercel)."""
    plugins: list[JSONObject] | None = None
    """OpenRouter plugins."""
    provider_options: JSONObject | None = None
    """Vercel's `providerOptions`."""
    enable_search: bool | None = None
    """Let the server search the web (Alibaba, AI/ML API); it is billed by the call."""
    search_options: JSONObject | None = None
    """How the server searches: `forced_search`, `search_strategy`, `enable_search_extension`."""
    enable_code_interpreter: bool | None = None
    """Let the server run Python while it thinks (Alibaba); without tools of your own."""
    vl_high_resolution_images: bool | None = None
    """Read images at up to 16,777,216 pixels, whatever a part's `max_pixels` is (Alibaba)."""
    translation_options: JSONObject | None = None
    """What a `qwen-mt` model translates: `source_lang` ("auto"), `target_lang`, `terms`, …"""
    tool_stream: bool | None = None
    """Stream a call's arguments even if a tool takes a list or an object (Alibaba)."""
    prompt_cache: PromptCache | None = None
    """Set `cache_control` on what stays the same, for the server's explicit cache: `"auto"` on the
    system prompt and the conversation, `"system"` on the prompt only. A marker costs 25 % once and
    saves 90 % of each later call within 5 minutes; nothing is marked below 1,024 tokens."""
    extra_body: JSONObject | None = None
    """Keys of the body that win over everything else."""
    model_kwargs: JSONObject = Field(default_factory=dict)
    """Further parameters of the body; settings that have a field win over them."""

    strict_history: bool = False
    """Whether to raise an error for a history that servers refuse: it ends with the assistant, has
    no user message, or has a tool call without result; also for a tool name that the gateway
    reserves. False: all are adapted, and `response_metadata["notes"]` says how."""
    force: bool = False
    """Whether to send an image, a video or a sound to a model that the catalogue says cannot take
    it. Limits and formats of the gateway are checked all the same."""

    # Prices.
    price_book: InstanceOf[PriceBook] | None = Field(default=None, exclude=True, repr=False)
    """Your own prices, before the bundled ones; `PriceBook.from_toml(path)`."""
    price_discount: float | None = None
    """The share of the list price that your account pays, such as 0.85."""

    # The connection.
    gateway: str | InstanceOf[Gateway] | None = None
    """A name from `GATEWAYS`, or a `Gateway`. None: by the host of `base_url`, by `QWEN36_GATEWAY`,
    or by the first key that is set."""
    base_url: str | None = Field(default=None, alias="api_base")
    """The server's URL up to and without `/chat/completions`."""
    api_key: ApiKey | None = None
    """The key, or a function that returns it. None: the gateway's environment variable."""
    timeout: Any = Field(default=None, alias="request_timeout")
    """Seconds for each silence, `Timeouts` to set each clock, or what httpx takes."""
    max_retries: int = Field(default=2, ge=0)
    """How often a failed request is sent again, while no chunk was given to the caller."""
    max_event_bytes: int | None = Field(default=256 * 1024 * 1024, gt=0)
    """Longest event of a stream, unpacked; None: no limit. It keeps a hostile server from filling
    the memory; the longest event known was an image of 2 MB."""
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Headers of every request."""
    default_query: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Query parameters of every request."""
    http_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx.Client`; you close it."""
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx.AsyncClient`; you close it."""
    max_connections: int = Field(default=1000, ge=1)
    """Most connections to the gateway, of this process and of each event loop; shared by all
    models."""
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    """A proxy's URL, or its `host:port`; never dumped, since it may hold a password. SOCKS needs
    the extra `socks`. None: the environment's; "": no proxy."""

    # The answer.
    streaming: bool = False
    """Whether `invoke` streams inside even if it need not."""
    stream_usage: bool = True
    """Whether to ask for usage in streams."""
    include_response_headers: bool = False
    """Whether `response_metadata["headers"]` holds the response's headers."""

    def __init__(self, **settings: Unpack[ModelSettings]) -> None:
        """Check the names first: pydantic would silently drop a misspelt one.

        Raises:
            TypeError: a keyword that is no setting; the message names the right one.
            UnsupportedSettingError: a setting in another class's form that has no counterpart.
        """
        hide_secrets(cast("dict[str, Any]", settings))
        check_names(type(self), settings, type(self).__name__)
        super().__init__(**translate(settings))
        # In `__dict__`, like core's cached properties, which equality of models ignores.
        self.__dict__["_made_at"] = constructing_line()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Let `inspect.signature` and notebooks list the settings before the first model object."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.__signature__ = _SettingsSignature()  # type: ignore[assignment]

    @classmethod
    def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **kwargs: Any) -> bool | None:
        """Keep our signature when pydantic builds the class, at the first model object."""
        depth = _parent_namespace_depth + 1
        built = super().model_rebuild(_parent_namespace_depth=depth, **kwargs)
        cls.__signature__ = _SettingsSignature()  # type: ignore[assignment]
        return built

    def __repr_args__(self) -> Any:
        """Show the model's id first, default or not; the profile would hide the rest."""
        if "model_name" in self.__dict__:  # it is missing in the traceback of a wrong setting
            yield "model", self.model_name
        for name, value in super().__repr_args__():
            if name not in {"model_name", "profile"}:
                yield name, value

    @model_validator(mode="before")
    @classmethod
    def _split_gateway_from_model(cls, data: Any) -> Any:
        """Split `openrouter:qwen3.6-plus` into gateway and model; other colons stay."""
        if not isinstance(data, dict):
            return data
        key = "model" if "model" in data else "model_name"
        name = data.get(key)
        if name is None:
            return {**data, "model": EMBEDDED_MODEL} if _is_embedded(data) else data
        head, colon, tail = name.partition(":") if isinstance(name, str) else ("", "", "")
        if colon and head in GATEWAYS and data.get("gateway") is None:
            return {**data, key: tail, "gateway": head}
        return data

    @field_serializer("gateway")
    def _dump_gateway(self, gateway: Any) -> Any:
        """Dump a `Gateway` as a dict of its facts; pydantic warns of a value that is no model."""
        return gateway

    @field_validator("api_key", mode="before")
    @classmethod
    def _refuse_an_empty_key(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("`api_key` is empty: pass a key, or None to use the variable.")
        return value

    @field_validator("timeout", mode="after")
    @classmethod
    def _check_timeout(cls, timeout: Any) -> Any:
        if timeout is not None:
            from langchain_qwen36._transport import Timeouts  # noqa: PLC0415, imports httpx

            Timeouts.of(timeout)
        return timeout

    @field_validator("thinking_budget", mode="after")
    @classmethod
    def _check_thinking_budget(cls, budget: int | None) -> int | None:
        check_budget(budget)
        return budget

    @field_validator("proxy", mode="after")
    @classmethod
    def _check_proxy(cls, proxy: str | None) -> str | None:
        """Accept `host:port`, too; "" means no proxy."""
        if not proxy:
            return proxy
        from langchain_qwen36._transport.proxies import parse_proxy  # noqa: PLC0415, imports httpx

        return parse_proxy(proxy)

    @model_validator(mode="after")
    def _refuse_to_stream_alternatives(self) -> Self:
        if self.streaming and (self.n or 1) > 1:
            raise ValueError("`n` above 1 cannot be streamed: leave `streaming` out.")
        return self

    @model_validator(mode="after")
    def _set_qwen36_version(self) -> Self:
        self._add_version("langchain-qwen36", __version__)
        return self


def _is_embedded(data: Mapping[str, Any]) -> bool:
    gateway = data.get("gateway")
    if gateway is None and data.get("base_url") is None:
        gateway = os.environ.get("QWEN36_GATEWAY")
    row = GATEWAYS.get(gateway) if isinstance(gateway, str) else gateway
    return isinstance(row, Gateway) and row.embedded


@cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    fields = model.model_fields
    return frozenset(fields) | {field.alias for field in fields.values() if field.alias}


def check_names(model: type[BaseModel], settings: Mapping[str, Any], receiver: str) -> None:
    """Refuse a keyword that is no setting of `model`.

    Raises:
        TypeError: the message names the right setting, or says what to do.
    """
    known = _names(model)
    if unknown := settings.keys() - known - FOREIGN_NAMES:
        raise TypeError(
            "; ".join(unknown_setting(name, known, receiver) for name in sorted(unknown))
        )


class _SettingsSignature:
    """A class's signature with every setting under every name, made on first use.

    pydantic's own exists only after the first model object, and leaves out names with an alias.
    """

    def __get__(self, instance: object, owner: type[BaseModel]) -> inspect.Signature:
        return inspect.Signature(
            [
                inspect.Parameter(
                    spelling,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=field.get_default(call_default_factory=True),
                    annotation=field.annotation,
                )
                for name, field in owner.model_fields.items()
                for spelling in dict.fromkeys((field.alias or name, name))
            ]
        )
