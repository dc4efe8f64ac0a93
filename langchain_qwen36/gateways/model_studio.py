"""The rows of Alibaba's Model Studio: its regions, its subscriptions, and a relay of its API."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.gateways.gateway import Gateway, Range, ServerFeature, UploadLimit

# From the pages on chat completions and on image and video understanding; the widest limits of all
# models, since a row is not one model.
_MODEL_STUDIO_MEDIA = {
    "image_side": Range(above=10),
    "image_ratio": Range(high=200),
    "image_pixels": Range(3_136, 16_777_216),
    "frame_pixels": Range(3_136, 2_048_000),
    "total_pixels": Range(high=819_200_000),
    "fps": Range(0.1, 10),
    "frames": Range(4, 8_000),
    "images": Range(high=2_048),
    "base64_images": Range(high=250),
    "videos": Range(high=64),
}

# https://help.aliyun.com/zh/model-studio/openai-file-interface and …/long-context-qwen-long, read
# 2026-12-01; their MB are taken as MiB.
_TEXTS = frozenset({".txt", ".docx", ".pdf", ".xlsx", ".epub", ".mobi", ".md", ".csv", ".json"})
_IMAGES = frozenset({".bmp", ".png", ".jpg", ".jpeg", ".gif"})
_MODEL_STUDIO_UPLOADS = {
    "file-extract": (
        UploadLimit(max_bytes=150 * 2**20, endings=_TEXTS),
        UploadLimit(max_bytes=20 * 2**20, endings=_IMAGES),
    ),
    "batch": (UploadLimit(max_bytes=500 * 2**20, endings=frozenset({".jsonl"})),),
}

_ALIBABA = Gateway(
    name="",
    needs_key=True,
    thinking="enable_thinking",
    thinking_budget="thinking_budget",
    preserve_thinking="preserve_thinking",
    one_system_message=True,
    tool_call_index=True,
    forced_tools="named_unless_thinking",
    only_functions=True,  # its page on chat completions: `type` of a tool is "function"
    parallel_tool_calls=True,
    json_schema=False,
    json_object="unless_thinking",
    needs_word_json=True,
    non_streaming="stream_internally",
    n_support="unless_thinking_or_tools",
    max_completion_tokens_support="by_model",
    server_features=frozenset(get_args(ServerFeature)),
)
"""The facts that Model Studio shares with a relay of its API."""


_IGNORED = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "metadata",
        "prediction",
        "prompt_cache_key",
        "service_tier",
        "store",
        "verbosity",
    }
)

_IN_CHINA = {
    "dashscope.aliyuncs.com",
    "batch.dashscope.aliyuncs.com",
    "coding.dashscope.aliyuncs.com",
    "token-plan.cn-beijing.maas.aliyuncs.com",
}


def _dashscope(name: str, *hosts: str) -> Gateway:
    """Return the row of a region of Model Studio; regions differ in their keys and prices only.

    The first host is the address, unless it is only the end of workspace hosts.
    """
    return replace(
        _ALIBABA,
        name=name,
        base_url=None if hosts[0].startswith(".") else f"https://{hosts[0]}/compatible-mode/v1",
        hosts=hosts,
        key_env=("DASHSCOPE_API_KEY",),
        base_url_env=("DASHSCOPE_BASE_URL",),
        reasoning_effort="as_budget",
        insufficient_quota="throttled",
        chinese_terms=hosts[0] in _IN_CHINA,
        ranges={
            "temperature": Range(0, below=2),
            "top_p": Range(above=0, high=1),
            "top_k": Range(0),
            "presence_penalty": Range(-2, 2),
            "repetition_penalty": Range(above=0),
            "n": Range(1, 4),
            "seed": Range(0, 2**31 - 1),
            "top_logprobs": Range(0, 5),
        },
        video="video_url_or_frames",
        audio="url",
        files="fileid",
        uploads=_MODEL_STUDIO_UPLOADS,
        rerank="model_studio",
        # https://help.aliyun.com/zh/model-studio/get-temporary-file-url: Beijing only.
        temporary_storage=".aliyuncs.com" if name == "dashscope" else None,
        max_base64=20 * 2**20,  # what its servers were observed to take and to refuse
        media_limits=_MODEL_STUDIO_MEDIA,
        cache_control=True,
        cache_markers=4,
        # Model Studio: partial mode; every model of the 3.5 and 3.6 families is listed for
        # non-thinking mode only.
        prefill="partial_unless_thinking",
        logprobs="by_model",
        ignored_params=_IGNORED,
        search_strategies=frozenset({"turbo", "max", "agent", "agent_max"}),
        reserved_tool_names=frozenset({"search"}),
    )


MODEL_STUDIO = (
    _dashscope(
        "dashscope",
        "dashscope.aliyuncs.com",
        ".cn-beijing.maas.aliyuncs.com",
    ),
    _dashscope(
        "dashscope-intl",
        "dashscope-intl.aliyuncs.com",
        ".ap-southeast-1.maas.aliyuncs.com",
    ),
    _dashscope("dashscope-us", "dashscope-us.aliyuncs.com", ".us-east-1.maas.aliyuncs.com"),
)
"""The regions with public base URLs."""

MORE_MODEL_STUDIO = (
    # Regions of Model Studio with a base_url for each workspace; no price list known.
    _dashscope(
        "dashscope-hk", "cn-hongkong.dashscope.aliyuncs.com", ".cn-hongkong.maas.aliyuncs.com"
    ),
    _dashscope("dashscope-eu", ".eu-central-1.maas.aliyuncs.com"),
    # Subscriptions: keys `sk-sp-…`. A Token Plan counts Credits, a Coding Plan calls; the terms of
    # the latter forbid scripts and backends.
    replace(
        _dashscope(
            "dashscope-token-plan",
            "token-plan.cn-beijing.maas.aliyuncs.com",
            "token-plan.ap-southeast-1.maas.aliyuncs.com",
        ),
        billing="plan",
    ),
    replace(
        _dashscope(
            "dashscope-coding-plan",
            "coding.dashscope.aliyuncs.com",
            "coding-intl.dashscope.aliyuncs.com",
        ),
        base_url="https://coding.dashscope.aliyuncs.com/v1",
        billing="plan",
    ),
    # Model Studio: Batch Chat. One request, one body, within an hour, at half the price.
    replace(
        _dashscope("dashscope-batch", "batch.dashscope.aliyuncs.com"),
        billing="batch",
        price_list="dashscope",
        non_streaming="never_stream",
        first_event_timeout=3600.0,
        cache_control=False,
    ),
    _dashscope("dashscope-jp", ".ap-northeast-1.maas.aliyuncs.com"),
)
"""The workspace regions, the subscriptions and Batch Chat."""

APIYI = replace(
    _ALIBABA,
    name="apiyi",
    base_url="https://api.apiyi.com/v1",
    hosts=("api.apiyi.com", "vip.apiyi.com", "b.apiyi.com", "api-cf.apiyi.com"),
    key_env=("APIYI_API_KEY",),
    base_url_env=("APIYI_BASE_URL",),
    reasoning_effort="reasoning_effort",
    ranges={"temperature": Range(0, below=2), "top_p": Range(above=0, high=1)},
    prefill="partial",
    # Measured on the relay with qwen3.8-max: `enable_search` is dropped; the others are not known.
    # For Qwen3.6 its page says "fields per official".
    server_features=frozenset(get_args(ServerFeature)) - {"enable_search", "search_options"},
)
"""A relay of Model Studio's API, with prices of its own."""


def native_url(base_url: str, path: str) -> str:
    """Return a URL of Model Studio's own API from that of the compatible one.

    Raises:
        UnsupportedSettingError: `base_url` is not that of the compatible API.
    """
    host, found, _ = base_url.partition("/compatible-mode/")
    if not found:
        raise UnsupportedSettingError(
            f"`base_url={base_url!r}` does not end in /compatible-mode/v1, as Model Studio's does."
        )
    return f"{host}/api/v1/{path}"
