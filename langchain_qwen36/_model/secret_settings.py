"""Keep the secrets among a constructor's settings out of what crash reports copy."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

_KEYS = frozenset({"api_key", "openai_api_key"})
_PROXIES = frozenset({"proxy", "openai_proxy"})
_MAPPINGS = frozenset({"default_headers", "default_query"})
_SECRET = _KEYS | _PROXIES | _MAPPINGS


class _HiddenDict(dict[str, Any]):
    """A dict whose `repr` names the keys only."""

    def __repr__(self) -> str:
        """Show the keys only."""
        return f"{{{', '.join(f'{key!r}: ...' for key in self)}}}"


def hide_secrets(settings: dict[str, Any]) -> None:
    """Replace secrets, in place, by equal values whose `repr` does not show them.

    Crash reporters copy the locals of frames, and a constructor's own frame holds its arguments.
    """
    for name in _SECRET.intersection(settings):
        settings[name] = _hidden(name, settings[name])


def _hidden(name: str, value: Any) -> Any:
    if name in _KEYS and isinstance(value, str) and value.strip():
        return SecretStr(value)
    if name in _PROXIES and isinstance(value, str):
        from langchain_qwen36._transport.target import MaskedURL  # noqa: PLC0415, imports httpx

        return MaskedURL(value)
    if name in _MAPPINGS and isinstance(value, dict):
        return _HiddenDict(value)
    return value
