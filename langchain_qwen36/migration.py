"""Convert the settings of a `ChatOpenAI` that points at a Qwen endpoint into ours.

The model is read by its fields, so langchain-openai is not imported, and its relatives (ChatQwen
of langchain-qwq, ChatDeepSeek, …) are read as well.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from langchain_qwen36._model.fields import QwenFields
from langchain_qwen36._model.user_warnings import QwenWarning
from langchain_qwen36._transport.http import Timeouts
from langchain_qwen36._user_line import user_line
from langchain_qwen36.catalog import find_model
from langchain_qwen36.gateways import gateway_of_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_core.language_models import BaseChatModel

_RENAMED: Mapping[str, str] = {
    "model_name": "model",
    "openai_proxy": "proxy",
    "request_timeout": "timeout",
}
_READ_APART = frozenset({"openai_api_key", "openai_api_base", "api_key", "api_base"})
_CLIENTS = frozenset({"client", "async_client", "root_client", "root_async_client"})
"""Clients that the other class makes for itself."""
_OUR_CLIENTS = (httpx.Client, httpx.AsyncClient)
"""Clients that we can use; OpenAI's package has a fork of httpx (docs/quirks.md)."""
_OPENAI = "api.openai.com"


def settings_of(model: BaseChatModel) -> dict[str, Any]:
    """Return our keywords for a `ChatOpenAI`'s settings; one warning names those without any.

    Carried are the settings that were changed from their defaults, the key and the address,
    those from OpenAI's variables too. `extra_body` and `model_kwargs` go along unchanged.

    Args:
        model: A `ChatOpenAI`, or a child of its base class.

    Raises:
        TypeError: a model of another kind.
        ValueError: it points at OpenAI itself, where no Qwen is.
    """
    if "openai_api_base" not in type(model).model_fields:
        raise TypeError(
            f"{type(model).__name__} is no ChatOpenAI: only ChatOpenAI and its subclasses are read."
        )
    changed = dict(_changed_settings(model))
    key = getattr(model, "openai_api_key", None) or getattr(model, "api_key", None)
    url = _address(model)
    settings: dict[str, Any] = {"base_url": url, "api_key": key}
    left: dict[str, Any] = {}
    for name, value in changed.items():
        match name:
            case "max_tokens":
                settings[_limit(url, changed)] = value
            case "logit_bias":
                settings[name] = {str(token): bias for token, bias in value.items()}
            case "metadata":
                settings[name] = {k: v for k, v in value.items() if k != "lc_versions"}
            case "stream_chunk_timeout":
                clocks = Timeouts.of(changed.get("request_timeout"))
                settings["timeout"] = replace(clocks, gap=value or None)
            case "reasoning" if isinstance(value, dict) and value.keys() == {"effort"}:
                settings["reasoning_effort"] = value["effort"]
            case "http_client" | "http_async_client" if not isinstance(value, _OUR_CLIENTS):
                # With a proxy the other class makes clients of its own.
                left |= {} if "openai_proxy" in changed else {name: value}
            case _ if _RENAMED.get(name, name) in {*QwenFields.model_fields, "model"}:
                settings[_RENAMED.get(name, name)] = value
            case _:
                left |= {name: value} if value else {}
    _warn(type(model).__name__, left)
    return settings


def _changed_settings(model: BaseChatModel) -> Iterator[tuple[str, Any]]:
    """Yield the settings that differ from their defaults, those set by validators included."""
    skipped = _CLIENTS | _READ_APART
    for name in sorted(model.model_fields_set - skipped):
        value, field = getattr(model, name), type(model).model_fields[name]
        if value != field.get_default(call_default_factory=True):
            yield name, value


def _address(model: BaseChatModel) -> str:
    given = getattr(model, "openai_api_base", None) or getattr(model, "api_base", None)
    client = getattr(model, "root_client", None) or getattr(model, "root_async_client", None)
    url = str(given or getattr(client, "base_url", None) or f"https://{_OPENAI}/v1")
    if urlsplit(url).hostname == _OPENAI:
        raise ValueError(
            f"{type(model).__name__} points at {url}, which serves no Qwen model: give it the "
            "`base_url` of a Qwen endpoint, or make a `ChatQwen36(model=…, gateway=…)`."
        )
    return url


def _limit(url: str, changed: Mapping[str, Any]) -> str:
    """Return our name for ChatOpenAI's `max_tokens`, which it sends as `max_completion_tokens`.

    That one limits reasoning too, where the server supports it for this model.
    """
    row, model = gateway_of_host(url), find_model(str(changed.get("model_name")))
    taken = (
        row is None
        or row.max_completion_tokens_support == "always"
        or (model and model.max_completion_tokens)
    )
    return "max_completion_tokens" if taken else "max_tokens"


def _warn(name: str, left: Mapping[str, Any]) -> None:
    if left:
        listed = ", ".join(f"{key}={value!r}" for key, value in left.items())
        line = user_line()
        warnings.warn_explicit(
            f"These settings of {name} have no counterpart and were left behind: {listed}. What "
            "the gateway itself takes may go into `extra_body`.",
            QwenWarning,
            *line[:2],
            module=line.module,
        )
