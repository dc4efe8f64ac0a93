"""Who we call: one row per gateway, and how a row is chosen.

A row holds facts that name a wire shape. What a fact means is written once, where it is read: in
`langchain_qwen36._wire`, by a `match` that is closed with `assert_never`. Adding a gateway is
adding a row; a user's own is `Gateway(name="mine", base_url="https://…/v1")`.

Facts are from the vendors' pages of autumn 2026; none could be tried live. What is not confirmed
says so beside it.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from langchain_qwen36.errors import MissingKeyError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GATEWAYS", "Endpoint", "Gateway", "gateway_of_host", "select_endpoint"]

logger = logging.getLogger(__name__)

ThinkingSwitch = Literal[
    "enable_thinking",  # a top-level key
    "chat_template_kwargs",  # chat_template_kwargs.enable_thinking
    "reasoning",  # reasoning.enabled
    "reasoning_effort",  # reasoning_effort "none" is off
    "unsupported",
]
BudgetField = Literal[
    "thinking_budget", "reasoning.max_tokens", "thinking_budget_tokens", "unsupported"
]
EffortField = Literal["reasoning_effort", "reasoning.effort", "as_budget", "unsupported"]
PreserveField = Literal["preserve_thinking", "chat_template_kwargs", "by_replay"]
ForcedTools = Literal[
    "always",  # required and a named tool are both taken, thinking or not
    "unless_thinking",  # both, but not while thinking
    "named_unless_thinking",  # a named tool only, and not while thinking
    "never",  # tool_choice is not read
]
JsonObject = Literal["always", "unless_thinking"]
OneShot = Literal["one_shot", "stream_inside"]


@dataclass(frozen=True, slots=True)
class Range:
    """What a numeric setting may be, or how long a list may be; both ends included."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """How one gateway speaks Chat Completions.

    The defaults are those of a plain OpenAI-compatible server of which nothing else is known.
    """

    name: str
    """What `gateway=` takes and `response_metadata["gateway"]` says."""
    base_url: str | None = None
    """Up to and without `/chat/completions`. None: it must be given."""
    hosts: tuple[str, ...] = ()
    """Host names, or their ends when they start with a dot, that are this gateway."""
    key_env: tuple[str, ...] = ()
    """Environment variables of the key, the first one set wins."""
    base_url_env: tuple[str, ...] = ()
    """Environment variables of the base URL."""
    needs_key: bool = False
    """Whether a call without a key cannot work."""
    embedded: bool = False
    """Whether the engine is ours to start (extra `local`)."""
    prices: str | None = None
    """The gateway whose offers price this one, when it is not its own name."""

    thinking: ThinkingSwitch = "unsupported"
    """Where thinking is switched on and off (P14)."""
    thinking_budget: BudgetField = "unsupported"
    """Where a budget of thinking tokens goes (P57)."""
    reasoning_effort: EffortField = "unsupported"
    """Where an effort goes (P58); `as_budget` makes it a share of the model's maximum."""
    preserve_thinking: PreserveField = "by_replay"
    """Where earlier turns' thoughts are asked for (P27); `by_replay` only sends them back."""
    exclusive_effort_and_budget: bool = False
    """Whether effort and budget must not be sent together."""

    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """The name under which an assistant message takes its thoughts back (P02, P13)."""
    reasoning_details: bool = False
    """Whether `reasoning_details` go back, unmodified (P26)."""
    think_tags: Literal["paired", "lone"] = "paired"
    """`lone`: text before a `</think>` without its opening tag is thought, where thinking is on
    and no structured reasoning came: a server started without a reasoning parser (P15)."""

    one_system_message: bool = False
    """Whether all system messages are folded into one at the front (P08)."""
    tool_call_index: bool = False
    """Whether a tool call in the history carries its `index`."""
    forced_tools: ForcedTools = "always"
    """Which forced tool choices are taken (P04)."""
    parallel_tool_calls: bool | None = None
    """What is sent when tools are bound and the user said nothing (P56)."""

    json_schema: bool = True
    """Whether `response_format` json_schema works; False leaves it to the model's row (P35)."""
    json_object: JsonObject = "always"
    """Whether json_object works while thinking."""
    json_word: bool = False
    """Whether json_object needs the word "json" in the messages (P34)."""

    one_shot: OneShot = "one_shot"
    """`stream_inside`: invoke streams while thinking may be on (P07, dashscope.md trap 10)."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is sent (P10)."""
    insufficient_quota: Literal["throttled", "no_money"] = "no_money"
    """What the code `insufficient_quota` means: a rate at one vendor, money elsewhere (P51)."""
    ranges: Mapping[str, Range] = field(default_factory=dict)
    """Settings that the gateway refuses outside a range, said before sending."""
    video: Literal["video_url", "unsupported"] = "video_url"
    """Whether a video part is taken (P55)."""
    cache_control: bool = False
    """Whether `cache_control` on a content part marks an explicit cache (P64)."""


def _dashscope(name: str, host: str, *, region_host: str, legacy: bool = True) -> Gateway:
    """A region of Alibaba's Model Studio; all speak alike, keys and prices are the region's."""
    return Gateway(
        name=name,
        base_url=f"https://{host}/compatible-mode/v1" if legacy else None,
        hosts=(host, region_host) if legacy else (region_host,),
        key_env=("DASHSCOPE_API_KEY",),
        base_url_env=("DASHSCOPE_BASE_URL",),
        needs_key=True,
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="as_budget",
        preserve_thinking="preserve_thinking",
        one_system_message=True,
        tool_call_index=True,
        forced_tools="named_unless_thinking",
        parallel_tool_calls=True,
        json_schema=False,
        json_object="unless_thinking",
        json_word=True,
        one_shot="stream_inside",
        insufficient_quota="throttled",
        ranges={
            "temperature": Range(0, 2),
            "top_p": Range(0, 1),
            "presence_penalty": Range(-2, 2),
            "n": Range(1, 4),
            "seed": Range(0, 2**31 - 1),
            "top_logprobs": Range(0, 5),
        },
        cache_control=True,
    )


def _self_hosted(name: str, port: int, *, key_env: str, base_url_env: str) -> Gateway:
    """A server that runs the open weights with Qwen's own chat template."""
    return Gateway(
        name=name,
        base_url=f"http://localhost:{port}/v1",
        key_env=(key_env,),
        base_url_env=(base_url_env,),
        thinking="chat_template_kwargs",
        preserve_thinking="chat_template_kwargs",
        think_tags="lone",
        one_system_message=True,
    )


_LLAMACPP = replace(
    _self_hosted("llamacpp", 8080, key_env="LLAMACPP_API_KEY", base_url_env="LLAMACPP_BASE_URL"),
    thinking_budget="thinking_budget_tokens",
    reasoning_effort="as_budget",
    video="unsupported",
)

_ROWS = (
    replace(
        _dashscope(
            "dashscope", "dashscope.aliyuncs.com", region_host=".cn-beijing.maas.aliyuncs.com"
        ),
        hosts=(
            "dashscope.aliyuncs.com",
            "coding.dashscope.aliyuncs.com",
            "batch.dashscope.aliyuncs.com",
            ".cn-beijing.maas.aliyuncs.com",
        ),
    ),
    replace(
        _dashscope(
            "dashscope-intl",
            "dashscope-intl.aliyuncs.com",
            region_host=".ap-southeast-1.maas.aliyuncs.com",
        ),
        hosts=(
            "dashscope-intl.aliyuncs.com",
            "coding-intl.dashscope.aliyuncs.com",
            ".ap-southeast-1.maas.aliyuncs.com",
        ),
    ),
    _dashscope(
        "dashscope-us", "dashscope-us.aliyuncs.com", region_host=".us-east-1.maas.aliyuncs.com"
    ),
    # gateways.md §4.1: measured on the relay with qwen3.8 only; for 3.6 "fields per official".
    Gateway(
        name="apiyi",
        base_url="https://api.apiyi.com/v1",
        hosts=("api.apiyi.com", "vip.apiyi.com", "b.apiyi.com", "api-cf.apiyi.com"),
        key_env=("APIYI_API_KEY",),
        base_url_env=("APIYI_BASE_URL",),
        needs_key=True,
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="reasoning_effort",
        preserve_thinking="preserve_thinking",
        one_system_message=True,
        tool_call_index=True,
        forced_tools="named_unless_thinking",
        parallel_tool_calls=True,
        json_schema=False,
        json_object="unless_thinking",
        json_word=True,
        one_shot="stream_inside",
        ranges={"temperature": Range(0, 2), "top_p": Range(0, 1)},
    ),
    Gateway(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        hosts=("openrouter.ai",),
        key_env=("OPENROUTER_API_KEY",),
        base_url_env=("OPENROUTER_BASE_URL", "OPENROUTER_API_BASE"),
        needs_key=True,
        thinking="reasoning",
        thinking_budget="reasoning.max_tokens",
        reasoning_effort="reasoning.effort",
        exclusive_effort_and_budget=True,
        reasoning_field="reasoning",
        reasoning_details=True,
        one_system_message=True,
        forced_tools="unless_thinking",
        json_object="unless_thinking",
        json_word=True,
        ranges={"stop": Range(0, 4)},
        cache_control=True,
    ),
    Gateway(
        name="vercel",
        base_url="https://ai-gateway.vercel.sh/v1",
        hosts=("ai-gateway.vercel.sh",),
        key_env=("AI_GATEWAY_API_KEY", "VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
        base_url_env=("AI_GATEWAY_BASE_URL",),
        needs_key=True,
        thinking="reasoning",
        thinking_budget="reasoning.max_tokens",
        reasoning_effort="reasoning.effort",
        exclusive_effort_and_budget=True,
        reasoning_field="reasoning",
        reasoning_details=True,
        one_system_message=True,
        forced_tools="unless_thinking",
        json_object="unless_thinking",
        json_word=True,
        cache_control=True,
    ),
    # gateways.md §4.1: enable_thinking stands in the specs of sibling models; for these eight it
    # is not confirmed.
    Gateway(
        name="aimlapi",
        base_url="https://api.aimlapi.com/v1",
        hosts=("api.aimlapi.com",),
        key_env=("AIMLAPI_API_KEY",),
        base_url_env=("AIMLAPI_BASE_URL", "AIMLAPI_API_BASE"),
        needs_key=True,
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="reasoning_effort",
        one_system_message=True,
        forced_tools="unless_thinking",
        json_object="unless_thinking",
        json_word=True,
        ranges={
            "seed": Range(1),
            "stop": Range(0, 4),
            "temperature": Range(0, 2),
            "top_p": Range(0.01, 1),
            "presence_penalty": Range(-2, 2),
            "frequency_penalty": Range(-2, 2),
            "top_logprobs": Range(0, 20),
            "min_p": Range(0.001, 0.999),
            "max_tokens": Range(1),
        },
    ),
    _self_hosted("vllm", 8000, key_env="VLLM_API_KEY", base_url_env="VLLM_BASE_URL"),
    _self_hosted("sglang", 30000, key_env="SGLANG_API_KEY", base_url_env="SGLANG_BASE_URL"),
    _LLAMACPP,
    # dashscope.md §8: no template arguments; reasoning_effort "none" is its switch.
    Gateway(
        name="ollama",
        base_url="http://localhost:11434/v1",
        key_env=("OLLAMA_API_KEY",),
        base_url_env=("OLLAMA_BASE_URL",),
        thinking="reasoning_effort",
        reasoning_effort="reasoning_effort",
        reasoning_field="reasoning",
        one_system_message=True,
        forced_tools="never",
        video="unsupported",
    ),
    replace(_LLAMACPP, name="local", base_url=None, key_env=(), base_url_env=(), embedded=True),
    Gateway(
        name="openai-compatible", key_env=("QWEN36_API_KEY",), base_url_env=("QWEN36_BASE_URL",)
    ),
    # Regions of Model Studio that are reached by a workspace's own base_url; no price list known.
    _dashscope(
        "dashscope-hk",
        "cn-hongkong.dashscope.aliyuncs.com",
        region_host=".cn-hongkong.maas.aliyuncs.com",
    ),
    _dashscope("dashscope-eu", "", region_host=".eu-central-1.maas.aliyuncs.com", legacy=False),
    _dashscope("dashscope-jp", "", region_host=".ap-northeast-1.maas.aliyuncs.com", legacy=False),
)

GATEWAYS: Mapping[str, Gateway] = {row.name: row for row in _ROWS}
"""Every row by its name, in the order in which keys in the environment are looked for."""

_PLAIN = GATEWAYS["openai-compatible"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A gateway, where it is, and the key that goes there."""

    gateway: Gateway
    base_url: str | None
    """None for the embedded engine, which is started on first use."""
    key: str | None = field(repr=False)
    """The key found in the environment; None when there is none or the caller gave his own."""


def gateway_of_host(base_url: str) -> Gateway | None:
    """The row that a URL's host belongs to, or None."""
    host = (urlsplit(base_url).hostname or "").lower()
    for row in _ROWS:
        for known in row.hosts:
            if host == known or (known.startswith(".") and host.endswith(known)):
                return row
    return None


def select_endpoint(
    gateway: str | Gateway | None,
    base_url: str | None,
    *,
    has_key: bool,
    env: Mapping[str, str] | None = None,
) -> Endpoint:
    """Choose the gateway, its base URL and its key (DESIGN §4.4).

    Args:
        gateway: A row's name, or a row, or None to have it found.
        base_url: The caller's URL, or None for the row's variable or default.
        has_key: Whether the caller gave a key of his own; no variable is read then.
        env: The environment; `os.environ` when None.

    Raises:
        MissingKeyError: no gateway could be found, or the gateway's key is not set, or a key
            from a variable would go to another known gateway.
        UnsupportedSettingError: no such gateway, or its base URL must be given.
    """
    env = os.environ if env is None else env
    row = _row(gateway, base_url, env)
    url = base_url or _first(env, row.base_url_env) or row.base_url
    if url and gateway is None and (owner := gateway_of_host(url)):
        row = owner
    if not url and not row.embedded:
        raise UnsupportedSettingError(
            f"`gateway={row.name!r}` has no address of its own: pass `base_url=` or set "
            f"{_either(row.base_url_env)}."
        )
    key = None if has_key else _first(env, row.key_env)
    if key and url:
        _refuse_foreign_key(row, url)
    if row.needs_key and not has_key and not key:
        raise MissingKeyError(
            f"No key for `gateway={row.name!r}`: set {_either(row.key_env)} or pass `api_key=`. "
            'Without a key, `ChatQwen36(gateway="local")` runs a small model on this machine.'
        )
    return Endpoint(gateway=row, base_url=url.rstrip("/") if url else None, key=key)


def _row(gateway: str | Gateway | None, base_url: str | None, env: Mapping[str, str]) -> Gateway:
    if isinstance(gateway, Gateway):
        return gateway
    if gateway is not None:
        return _named(gateway, "gateway")
    if base_url is not None:
        return gateway_of_host(base_url) or _PLAIN
    if name := env.get("QWEN36_GATEWAY"):
        return _named(name, "QWEN36_GATEWAY")
    for row in _ROWS:
        if variable := next((name for name in row.key_env if env.get(name)), None):
            logger.info("Gateway %r was chosen because %s is set.", row.name, variable)
            return row
    variables = ", ".join(row.key_env[0] for row in _ROWS if row.needs_key and row.base_url)
    variables = ", ".join(dict.fromkeys(variables.split(", ")))
    raise MissingKeyError(
        f"No gateway was named and no key is set. Set one of {variables}, or pass `base_url=` of "
        'your own server, or `gateway="local"` to run a small model on this machine.'
    )


def _named(name: str, where: str) -> Gateway:
    try:
        return GATEWAYS[name]
    except KeyError:
        raise UnsupportedSettingError(
            f"{where}={name!r} is not known; it is one of {', '.join(GATEWAYS)}, or a `Gateway(...)`."
        ) from None


def _refuse_foreign_key(row: Gateway, url: str) -> None:
    owner = gateway_of_host(url)
    if owner is not None and not set(owner.key_env) & set(row.key_env):
        raise MissingKeyError(
            f"The key of `gateway={row.name!r}` (from {_either(row.key_env)}) is not sent to "
            f"`base_url={url!r}`, which is {owner.name!r}: drop one of the two, or pass `api_key=`."
        )


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := env.get(name))), None)


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "no variable"
