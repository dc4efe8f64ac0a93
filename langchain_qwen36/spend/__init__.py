"""A durable ledger of what calls cost, with limits that processes and machines share."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_qwen36.spend.accounts import METADATA_KEYS, Attribution, Limit
    from langchain_qwen36.spend.alerts import Alert
    from langchain_qwen36.spend.entries import End, Start
    from langchain_qwen36.spend.ledger import SpendLedger
    from langchain_qwen36.spend.windows import Per, Window, window_at

__all__ = [
    "METADATA_KEYS",
    "Alert",
    "Attribution",
    "End",
    "Limit",
    "Per",
    "SpendLedger",
    "Start",
    "Window",
    "window_at",
]

_MODULES = {
    "METADATA_KEYS": "accounts",
    "Alert": "alerts",
    "Attribution": "accounts",
    "End": "entries",
    "Limit": "accounts",
    "Per": "windows",
    "SpendLedger": "ledger",
    "Start": "entries",
    "Window": "windows",
    "window_at": "windows",
}


def __getattr__(name: str) -> Any:
    """Load a name's module on first use: a model without a ledger needs none of them."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
