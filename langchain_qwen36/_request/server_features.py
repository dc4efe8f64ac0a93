"""Refuse server features that the gateway or model lacks: search, code, translation, detail.

A gateway that does not know such a setting silently drops it, and the model makes the answer up
instead of looking it up: so each limit is an error before anything is sent. See
docs/quirks.md#server-features (Model Studio: code interpreter, machine translation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never, get_args

from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.gateways import ServerFeature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._request.types import Settings
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

_FEATURES: tuple[ServerFeature, ...] = get_args(ServerFeature)
_ALL_THE_SAME = "`extra_body` sends it all the same."


def check_server_features(
    settings: Settings, gateway: Gateway, model: Model | None, *, thinking: bool | None
) -> None:
    """Refuse a server feature that the gateway or the model does not have, or not in this call.

    Raises:
        UnsupportedSettingError: the message names the setting, the gateway, and what to do instead.
    """
    _check_tools(settings, gateway)
    if gateway.server_features is None:
        return
    for name in _FEATURES:
        if not settings.params.get(name):
            continue
        if name not in gateway.server_features:
            raise UnsupportedSettingError(
                f"`gateway={gateway.name!r}` has no `{name}`: it would be passed over. Leave it "
                f"out, or choose a gateway that has it; {_ALL_THE_SAME}"
            )
        _check(name, settings, gateway, model, thinking=thinking)


def _check_tools(settings: Settings, gateway: Gateway) -> None:
    """Refuse a tool that another vendor runs, where only functions are taken."""
    if not gateway.only_functions:
        return
    foreign = next((tool for tool in settings.tools if "function" not in tool), None)
    if foreign is None:
        return
    instead = [
        f"`{name}=True`"
        for name in ("enable_search", "enable_code_interpreter")
        if name in (gateway.server_features or ())
    ]
    raise UnsupportedSettingError(
        f"The tool {foreign.get('type')!r} is one that another vendor runs: "
        f"`gateway={gateway.name!r}` takes functions only. Bind a function that does it"
        + (f", or pass {' or '.join(instead)}." if instead else ".")
    )


def _check(
    name: ServerFeature,
    settings: Settings,
    gateway: Gateway,
    model: Model | None,
    *,
    thinking: bool | None,
) -> None:
    match name:
        case "enable_search":
            pass
        case "search_options":
            _check_search(settings.params, gateway)
        case "enable_code_interpreter":
            _check_code(settings, gateway, model, thinking=thinking)
        case "vl_high_resolution_images":
            if model is not None and "image" not in model.inputs:
                raise UnsupportedSettingError(
                    f"`vl_high_resolution_images=True`: {model.id} sees no images. Leave it out, "
                    "or choose a model that does."
                )
        case "translation_options":
            _check_translation(settings, model)
        case "tool_stream":
            if model is not None and model.tool_stream is False:
                raise _not_the_model(name, gateway, model)
        case never:
            assert_never(never)


def _check_search(params: Mapping[str, Any], gateway: Gateway) -> None:
    if "enable_search" not in params:
        raise UnsupportedSettingError(
            "`search_options` without `enable_search` does nothing: pass `enable_search=True`."
        )
    strategy = _object(params["search_options"]).get("search_strategy")
    known = gateway.search_strategies
    if strategy is not None and known is not None and strategy not in known:
        raise UnsupportedSettingError(
            f"`search_options={{'search_strategy': {strategy!r}}}`: `gateway={gateway.name!r}` "
            f"takes {', '.join(sorted(known))}."
        )


def _check_code(
    settings: Settings, gateway: Gateway, model: Model | None, *, thinking: bool | None
) -> None:
    if model is not None and model.code_interpreter is False:
        raise _not_the_model("enable_code_interpreter", gateway, model)
    if settings.tools:
        raise UnsupportedSettingError(
            f"`enable_code_interpreter=True` on `gateway={gateway.name!r}` excludes tools: bind "
            "none, or leave it out. (`with_structured_output` binds one by default.)"
        )
    if thinking is False:
        raise UnsupportedSettingError(
            f"`enable_code_interpreter=True` on `gateway={gateway.name!r}` works only while "
            "thinking: pass `enable_thinking=True`."
        )


def _check_translation(settings: Settings, model: Model | None) -> None:
    options = _object(settings.params["translation_options"])
    if missing := [key for key in ("source_lang", "target_lang") if key not in options]:
        raise UnsupportedSettingError(
            f"`translation_options` has no {' and no '.join(map(repr, missing))}: name the "
            "languages in English, such as `{'source_lang': 'auto', 'target_lang': 'English'}`."
        )
    if model is not None and not model.translation:
        raise UnsupportedSettingError(
            f"`translation_options`: {model.id} is no translator. Choose {_models('translation')}, "
            "or ask for the translation in words."
        )


def _object(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object: the constructor does not check `model_kwargs`."""
    return value if isinstance(value, dict) else {}


def _not_the_model(name: ServerFeature, gateway: Gateway, model: Model) -> UnsupportedSettingError:
    fact = name.removeprefix("enable_")
    return UnsupportedSettingError(
        f"`{name}=True`: {model.id} on `gateway={gateway.name!r}` does not take it. Choose "
        f"{_models(fact)}, or leave it out; {_ALL_THE_SAME}"
    )


def _models(fact: str) -> str:
    """Return the names of the models for which the catalogue has this fact."""
    *most, last = (m.id for m in PriceBook.bundled().models.values() if getattr(m, fact))
    return f"{', '.join(most)} or {last}"
