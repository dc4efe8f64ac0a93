"""Encode a multipart form with one file, which is read while it is sent."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import httpx

from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping
    from pathlib import Path
    from typing import IO

_PIECE = 256 * 1024
"""Bytes that are read, and in memory, at once."""
_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""Escapes of a name in a form: HTML standard, multipart/form-data encoding algorithm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePart:
    """The file of a form: its bytes, or its path."""

    source: bytes | Path
    size: int
    """Length in bytes; for a path, when it was checked."""
    filename: str

    def open(self) -> IO[bytes]:
        """Open the file for reading; bytes become a file object."""
        return BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")


class UploadBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A multipart/form-data body (RFC 7578); it can be read again for another attempt.

    Args:
        fields: The form's other fields; they precede the file, as object storages require.
        file: The file of the field `file`.
    """

    def __init__(self, fields: Mapping[str, str], file: FilePart) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._file = file
        lines = [
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        filename = file.filename.translate(_ESCAPED)
        self._head = (
            "".join(lines) + f"--{boundary}\r\ncontent-disposition: form-data; "
            f'name="file"; filename="{filename}"\r\ncontent-type: application/octet-stream\r\n\r\n'
        ).encode(errors="replace")  # a file's name need not be UTF-8
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + self._file.size + len(self._tail)

    def __iter__(self) -> Generator[bytes]:
        """Read the file; exactly as many bytes as the length says.

        Raises:
            MessageError: The file has become shorter.
        """
        yield self._head
        left = self._file.size
        with self._file.open() as file:
            while left:
                piece = self._checked(file.read(min(_PIECE, left)))
                left -= len(piece)
                yield piece
        yield self._tail

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """Read the file in a thread, since a disk may be slow."""
        with closing(iter(self)) as pieces:
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece

    def _checked(self, piece: bytes) -> bytes:
        if not piece:
            raise MessageError(
                f"{self._file.filename!r} became shorter while it was uploaded: upload it again."
            )
        return piece
