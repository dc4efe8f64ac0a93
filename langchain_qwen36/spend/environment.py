"""Locate the default ledger, and check that the extra that ledgers need is installed."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from langchain_qwen36.errors import LedgerError

ENVIRONMENT = "QWEN36_LEDGER"
"""The environment variable with the default ledger's URL."""


def state_directory() -> Path:
    """Return the folder for state that the package keeps between runs of a program."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "langchain_qwen36"


def default_path() -> Path:
    """Return the default ledger's file: programs that run in one directory share it."""
    directory = Path.cwd()
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", directory.name)[:64]
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return state_directory() / "ledgers" / f"{name or 'root'}-{digest}.db"


def default_url() -> str:
    """Return the default ledger's URL: that of the environment, else the directory's file."""
    return os.environ.get(ENVIRONMENT) or f"sqlite:///{default_path()}"


def check_installed(otherwise: str = "") -> None:
    """Check that the extra `ledger` is installed.

    Args:
        otherwise: Another remedy, as a sentence.

    Raises:
        LedgerError: The extra is not installed.
    """
    try:
        import sqlalchemy  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise LedgerError(
            'A spend ledger needs SQLAlchemy: pip install "langchain-qwen36[ledger]". '
            f"{otherwise}".strip()
        ) from error
