"""Keep entries that cannot be written to the ledger in a local file, until they can be."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_qwen36.spend.environment import state_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: one process at a time writes a spool there.
    fcntl = None  # type: ignore[assignment]


def default_path(url: str) -> Path:
    """Return the spool of a ledger's URL; its name holds no password."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return state_directory() / f"spend-{digest}.jsonl"


class Spool:
    """Entries as JSON lines; processes of one machine share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entries: list[dict[str, Any]]) -> None:
        """Append entries, and wait until they are on the disk.

        Raises:
            OSError: The file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        with self._locked() as file:
            file.seek(0, os.SEEK_END)
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to replay."""
        try:
            return self.path.stat().st_size == 0
        except OSError:
            return True

    @contextmanager
    def taken(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the entries; they are deleted if the block ends without an error.

        A last line that a crash cut off is left out: its write was never confirmed.
        """
        with self._locked() as file:
            file.seek(0)
            yield [entry for line in file if (entry := _parsed(line)) is not None]
            file.truncate(0)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)  # the lock ends with the file
            yield file


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
