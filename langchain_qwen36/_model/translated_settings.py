"""Translate settings in other classes' form: `reasoning=`, `stream_options=`, `None`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOREIGN_NAMES = frozenset({"reasoning", "stream_options"})
"""Names that are accepted and stored under others."""

_TRANSLATED = FOREIGN_NAMES | {"model_kwargs"}

_DECIDED = frozenset({"response_format", "parallel_tool_calls"})
"""Settings that depend on others, which ChatOpenAI's users write into `model_kwargs`."""

_OUT_OF_KWARGS = _DECIDED | {"stream_options", "extra_body"}

_REASONING = {
    "effort": "reasoning_effort",
    "max_tokens": "thinking_budget",
    "enabled": "enable_thinking",
}
"""Our setting, by OpenRouter's key of `reasoning`."""
_REASONING_IGNORED = frozenset({"summary", "exclude"})
"""Keys of `reasoning` that only shape how reasoning is shown; here it always comes complete."""


def translate(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with those of other classes replaced by ours; the rest unchanged.

    - `reasoning={"effort": …, "max_tokens": …, "enabled": …}` (ChatOpenAI, ChatOpenRouter) and
      `reasoning=True` (ChatOllama) become `reasoning_effort`, `thinking_budget`, `enable_thinking`.
    - `stream_options={"include_usage": …}`, also inside `model_kwargs`, becomes `stream_usage`.
    - `extra_body` and settings that depend on others leave `model_kwargs` for their own fields.
    - `max_retries=None` is the default.

    Raises:
        UnsupportedSettingError: a key of `reasoning` or `stream_options` that has no counterpart,
            or one that is given twice with different values.
    """
    if _TRANSLATED.isdisjoint(settings) and settings.get("max_retries", 0) is not None:
        return dict(settings)
    ours = {name: value for name, value in settings.items() if name not in FOREIGN_NAMES}
    _add(ours, _from_reasoning(settings.get("reasoning")), "reasoning")
    _add(ours, _from_stream_options(settings.get("stream_options")), "stream_options")
    kwargs = ours.get("model_kwargs")
    if isinstance(kwargs, dict) and not _OUT_OF_KWARGS.isdisjoint(kwargs):
        ours["model_kwargs"] = {k: v for k, v in kwargs.items() if k not in _OUT_OF_KWARGS}
        options = _from_stream_options(kwargs.get("stream_options"))
        _add(ours, options, "model_kwargs['stream_options']")
        for name in _DECIDED & kwargs.keys():
            _add(ours, {name: kwargs[name]}, f"model_kwargs[{name!r}]")
        if isinstance(extra := kwargs.get("extra_body"), dict):
            extra = {**extra, **(ours.get("extra_body") or {})}
        if extra:
            ours["extra_body"] = extra
    if "max_retries" in ours and ours["max_retries"] is None:
        del ours["max_retries"]
    return ours


def _add(ours: dict[str, Any], translated: Mapping[str, Any], source: str) -> None:
    for name, value in translated.items():
        if ours.get(name, value) != value and ours[name] is not None:
            raise UnsupportedSettingError(
                f"`{source}` says `{name}={value!r}`, and `{name}={ours[name]!r}` is given too: "
                "pass one of them."
            )
        ours[name] = value


def _from_reasoning(value: Any) -> dict[str, Any]:
    if value is None or isinstance(value, bool):
        return {} if value is None else {"enable_thinking": value}
    unknown = value.keys() - _REASONING.keys() - _REASONING_IGNORED if _is_dict(value) else {value}
    if unknown:
        raise UnsupportedSettingError(
            f"`reasoning={value!r}`: it is a bool or a dict of {sorted(_REASONING)}; put what else "
            "your gateway takes into `extra_body={'reasoning': ...}`."
        )
    return {ours: value[key] for key, ours in _REASONING.items() if value.get(key) is not None}


def _from_stream_options(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not _is_dict(value) or value.keys() - {"include_usage"}:
        raise UnsupportedSettingError(
            f"`stream_options={value!r}`: only `include_usage` is known; put what else your "
            "gateway takes into `extra_body`."
        )
    return {"stream_usage": bool(value["include_usage"])} if value else {}


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)
