"""Open the default ledger, for shared budgets that name none: one file per working directory."""

from __future__ import annotations

import re
import threading

from langchain_qwen36.errors import LedgerError
from langchain_qwen36.spend.environment import ENVIRONMENT, default_path, default_url
from langchain_qwen36.spend.ledger import SpendLedger

_lock = threading.Lock()
_opened: dict[str, SpendLedger] = {}


def default_ledger() -> SpendLedger:
    """Return the default ledger, opened once in a process.

    Raises:
        LedgerError: The ledger cannot be opened; the message names the ways to choose another.
    """
    url = default_url()
    with _lock:
        if url not in _opened:
            try:
                _make_folder(url)
                _opened[url] = SpendLedger(url)
            except (LedgerError, OSError, RuntimeError) as error:
                raise LedgerError(
                    f"The ledger {_shown(url)} of a budget that processes share cannot be opened: "
                    f"{error} Set {ENVIRONMENT} or `ledger=` to another one, or give `users={{}}` "
                    "to count in this process only."
                ) from error
        return _opened[url]


def _make_folder(url: str) -> None:
    path = default_path()
    if url == f"sqlite:///{path}":
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def _shown(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)
