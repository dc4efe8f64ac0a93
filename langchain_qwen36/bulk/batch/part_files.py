"""Write the request files of parts within a gateway's limits, and read them back by key."""

from __future__ import annotations

import os
import secrets
from typing import IO, TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from langchain_qwen36.bulk.batch.store import Part
    from langchain_qwen36.catalog.batch_services import BatchService

_SUFFIX = ".batch.jsonl"


class PartWriter:
    """Writes requests into parts; each is full before the next begins.

    A part is the set of requests that becomes one batch at the gateway.

    Args:
        folder: The folder of the files.
        service: The service, with its limits of one batch.
        new_part: Creates a part for a model and a thinking mode.
        finish: Receives each part whose file is on the disk, with the keys of its rows.
    """

    def __init__(
        self,
        folder: Path,
        service: BatchService,
        new_part: Callable[[tuple[str, bool | None]], Part],
        finish: Callable[[Part, list[str]], object],
    ) -> None:
        self._folder, self._service = folder, service
        self._new_part, self._finish = new_part, finish
        self._open: dict[tuple[str, bool | None], _OpenFile] = {}

    def add(self, key: str, line: bytes, mode: tuple[str, bool | None]) -> None:
        """Write one request into the open file of its mode."""
        file = self._open.get(mode)
        if file is not None and not self._has_room(file, line):
            self._close(mode)
            file = None
        if file is None:
            file = self._open[mode] = _OpenFile(self._folder)
        file.add(key, line)

    def close(self) -> None:
        """Finish the parts that are not full."""
        for mode in list(self._open):
            self._close(mode)

    def discard(self) -> None:
        """Remove the files that are not finished."""
        for file in self._open.values():
            file.discard()
        self._open.clear()

    def _has_room(self, file: _OpenFile, line: bytes) -> bool:
        most, largest = self._service.max_requests, self._service.max_bytes
        return (most is None or len(file.keys) < most) and (
            largest is None or file.size + len(line) + 1 <= largest
        )

    def _close(self, mode: tuple[str, bool | None]) -> None:
        file = self._open.pop(mode)
        part = self._new_part(mode)
        part.detail["file"] = file.close().name
        self._finish(part, file.keys)


class _OpenFile:
    """A file that is being written."""

    def __init__(self, folder: Path) -> None:
        self.keys: list[str] = []
        self.size = 0
        self._path = folder / f"{secrets.token_hex(8)}{_SUFFIX}"
        # Prompts may be private: only the user may read the file.
        descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")

    def add(self, key: str, line: bytes) -> None:
        self._file.write(line + b"\n")
        self.size += len(line) + 1
        self.keys.append(key)

    def close(self) -> Path:
        """Flush the file to the disk and close it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._path

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class PartBodies:
    """The requests of a part, found by key without holding them in memory."""

    def __init__(self, path: Path) -> None:
        """Read the file once; a missing file holds no requests."""
        self.path = path
        self._offsets: dict[str, int] = {}
        self._file: IO[bytes] | None = None
        if path.exists():
            self._file = path.open("rb")
            offset = 0
            for line in self._file:
                self._offsets[orjson.loads(line)["custom_id"]] = offset
                offset += len(line)

    @property
    def keys(self) -> list[str]:
        """Keys of the requests in the order of the file."""
        return list(self._offsets)

    def body(self, key: str) -> Mapping[str, Any]:
        """Return the body that was sent for a row; {} if it is no longer known."""
        if self._file is None or key not in self._offsets:
            return {}
        self._file.seek(self._offsets[key])
        body: Mapping[str, Any] = orjson.loads(self._file.readline())["body"]
        return body

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the file."""
        with self.path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")
