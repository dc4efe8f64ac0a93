"""Keep the secrets among a constructor's settings out of what crash reports copy."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

_KEYS = ("api_key", "openai_api_key")
_PROXIES = ("proxy", "openai_proxy")
_MAPPINGS = ("default_headers", "default_query")


class _HiddenDict(dict[str, Any]):
    """A dict whose `repr` names the keys only."""

    def __repr__(self) -> str:
        """Show the keys only."""
        return f"{{{', '.join(f'{key!r}: ...' for key in self)}}}"


def hide_secrets(settings: dict[str, Any]) -> None:
    """Replace secrets, in place, by equal values whose `repr` does not show them.

    Crash reporters copy the locals of frames, and a constructor's own frame holds its arguments.
    """
    for name in _KEYS:
        value = settings.get(name)
        if isinstance(value, str) and value.strip():
            settings[name] = SecretStr(value)
    for name in _PROXIES:
        if isinstance(settings.get(name), str):
            from langchain_qwen36._transport.target import MaskedURL  # noqa: PLC0415, imports httpx

            settings[name] = MaskedURL(settings[name])
    for name in _MAPPINGS:
        if isinstance(settings.get(name), dict):
            settings[name] = _HiddenDict(settings[name])
