"""Check a path or bytes before they are uploaded."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_qwen36._transport.http.upload import FilePart
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from langchain_qwen36.gateways import Gateway

Source = str | PathLike[str] | bytes
"""A path, or the bytes themselves."""

_SHOWN = 200
"""Most characters of a path that an error shows."""


def file_part(source: Source, filename: str | None) -> FilePart:
    """Return a file with its size and its name; nothing of it is read yet.

    Raises:
        MessageError: the file is missing, unreadable or empty, or bytes have no name.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        if not filename:
            raise MessageError('Bytes have no name: pass `filename="report.pdf"`.')
        part = FilePart(source=bytes(source), size=len(source), filename=filename)
    elif isinstance(source, str | PathLike):
        part = _of_path(Path(fspath(source)), filename)
    else:
        raise MessageError(
            f"A file is uploaded from its path or its bytes, not from {type(source)!r}."
        )
    if not part.size:
        raise MessageError(f"{part.filename!r}: the file is empty.")
    return part


def _of_path(path: Path, filename: str | None) -> FilePart:
    label = repr(str(path)[:_SHOWN])
    try:
        path = path.expanduser()
        # A pipe or a device might never end, or never open.
        is_odd = path.exists() and not path.is_file()
        size = 0
        if not is_odd:
            with path.open("rb"):  # so that a missing permission is noticed here
                size = path.stat().st_size
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MessageError(f"{label} cannot be read: {why}.") from error
    if is_odd:
        raise MessageError(f"{label} is a directory or a device, not a file.")
    return FilePart(source=path, size=size, filename=filename or path.name)


def check_upload(part: FilePart, purpose: str, gateway: Gateway) -> None:
    """Check a file against the gateway's limits for a purpose; an unknown purpose passes.

    Raises:
        MessageError: the name has no accepted ending, or the file is too large.
    """
    limits = (gateway.uploads or {}).get(purpose)
    if limits is None:
        return
    ending = Path(part.filename).suffix.lower()
    limit = next((limit for limit in limits if ending in limit.endings), None)
    if limit is None:
        known = sorted(ending for limit in limits for ending in limit.endings)
        raise MessageError(
            f'{part.filename!r}: `gateway={gateway.name!r}` takes for purpose="{purpose}" files '
            f"that end in {', '.join(known)}."
        )
    if part.size > limit.max_bytes:
        raise MessageError(
            f"{part.filename!r} has {part.size:,} bytes: `gateway={gateway.name!r}` takes for "
            f'purpose="{purpose}" at most {limit.max_bytes:,} of {ending}: split it.'
        )
