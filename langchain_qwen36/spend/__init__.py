"""A durable ledger of what calls cost, with limits that processes and machines share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36._lazy_names import lazy_names

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

__getattr__ = lazy_names(__name__, _MODULES)
