"""Refuse what the gateway would refuse, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._request.cache_control import count_marks
from langchain_qwen36._request.media_limits import check_counts
from langchain_qwen36._request.server_features import check_server_features
from langchain_qwen36.errors import MessageError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._request.types import Settings
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway


def check_settings(
    settings: Settings, gateway: Gateway, model: Model | None, *, thinking: bool | None
) -> None:
    """Refuse settings outside what the gateway's row and the model accept.

    Raises:
        UnsupportedSettingError: the message names the setting, the gateway, and what it accepts.
    """
    for name, value in settings.params.items():
        if (bounds := gateway.ranges.get(name)) is None:
            continue
        size = len(value) if isinstance(value, list | tuple) else value
        if isinstance(size, int | float) and size not in bounds:
            what = "entries of " if isinstance(value, list | tuple) else ""
            raise UnsupportedSettingError(
                f"{what}`{name}={value!r}`: `gateway={gateway.name!r}` takes {bounds}."
            )
    _check_choices(settings, gateway, thinking=thinking)
    _check_cap(settings, gateway, model)
    check_server_features(settings, gateway, model, thinking=thinking)


def ignored_setting_notes(
    settings: Settings, gateway: Gateway, model: Model | None
) -> dict[str, str]:
    """Return notes on settings that the gateway accepts and ignores."""
    ignored = settings.params.keys() & gateway.ignored_params
    notes = {
        name: f"`{name}` was sent, but is ignored by `gateway={gateway.name!r}`: leave it out."
        for name in sorted(ignored)
        if settings.params[name]
    }
    none_come = gateway.logprobs == "by_model" and model is not None and model.logprobs is False
    if none_come and settings.params.get("logprobs"):
        notes["logprobs"] = (
            f"`logprobs` was sent, but {settings.model} on `gateway={gateway.name!r}` returns none."
        )
    if settings.prompt_cache and not gateway.cache_control:
        notes["prompt_cache"] = (
            f"`gateway={gateway.name!r}` does not support cache_control: no markers added."
        )
    return notes


def _check_choices(settings: Settings, gateway: Gateway, *, thinking: bool | None) -> None:
    n = settings.params.get("n")
    if n is None or n == 1:
        return
    match gateway.n_support:
        case "always":
            return
        case "unless_thinking_or_tools":
            if settings.tools or thinking:
                raise UnsupportedSettingError(
                    f"`n={n}` on `gateway={gateway.name!r}` needs a call without tools and with "
                    "`enable_thinking=False`."
                )
        case never:
            assert_never(never)


def _check_cap(settings: Settings, gateway: Gateway, model: Model | None) -> None:
    """Refuse a token limit that the server ignores: an answer would cost more than allowed."""
    if settings.params.get("max_completion_tokens") is None or model is None:
        return
    match gateway.max_completion_tokens_support:
        case "always":
            return
        case "by_model":
            if model.max_completion_tokens is False:
                raise UnsupportedSettingError(
                    f"{model.id} on `gateway={gateway.name!r}` takes no `max_completion_tokens`: "
                    "cap the answer with `max_tokens` and the thoughts with `thinking_budget`."
                )
        case never:
            assert_never(never)


def check_messages(
    messages: Sequence[Mapping[str, Any]],
    settings: Settings,
    gateway: Gateway,
    model: Model | None,
    *,
    thinking: bool | None,
) -> None:
    """Refuse messages that cannot be sent with these settings.

    Raises:
        MessageError: too many `cache_control` markers, an unfinished answer while thinking, or more
            than the one user message that a translation takes.
    """
    if gateway.cache_markers is not None:
        marks = count_marks(messages)
        if marks > gateway.cache_markers:
            raise MessageError(
                f"{marks} blocks carry `cache_control`; `gateway={gateway.name!r}` keeps "
                f"{gateway.cache_markers}: mark only the last block of what stays the same."
            )
    if messages[-1]["role"] == "assistant" and _prefill_conflicts_with_thinking(
        gateway, thinking=thinking
    ):
        raise MessageError(
            f"`gateway={gateway.name!r}` continues a begun answer only without thinking: pass "
            "`enable_thinking=False`."
        )
    check_counts(messages, gateway)
    translates = settings.params.get("translation_options") or (model and model.translation)
    if translates and [m["role"] for m in messages] != ["user"]:
        raise MessageError("A translation takes exactly one user message, and nothing else.")


def _prefill_conflicts_with_thinking(gateway: Gateway, *, thinking: bool | None) -> bool:
    """Return whether a prefill is refused because the model thinks, or may."""
    match gateway.prefill:
        case "bare_unless_thinking":
            return thinking is not False
        case "partial_unless_thinking":
            # The server judges a model that is not in the catalogue.
            return thinking is True
        case "partial" | "bare" | "unsupported":
            return False
        case never:
            assert_never(never)
