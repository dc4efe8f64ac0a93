"""Parse the JSON that a gateway's API has for a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from langchain_qwen36._response.payload import parse_object, unexpected_response

if TYPE_CHECKING:
    from langchain_qwen36._response.payload import HTTPBody, ResponseContext


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedFile:
    """A file at a gateway; None: the gateway did not say."""

    id: str
    """The id that messages and batches use, such as `file-fe-…`."""
    filename: str | None = None
    """The file's name at the gateway."""
    size: int | None = None
    """Length in bytes."""
    purpose: str | None = None
    """`file-extract` for documents, `batch` and `batch_output` for batches."""
    status: str | None = None
    """`processed` when the file can be used; `error` when it cannot be read."""
    status_details: str | None = None
    """Why the file cannot be read."""
    created_at: datetime | None = None
    """Time of the upload in UTC."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The gateway's own JSON."""

    @property
    def content_block(self) -> dict[str, Any]:
        """The file as a content block of a message."""
        return {"type": "file", "file_id": self.id}

    @property
    def is_processed(self) -> bool:
        """Whether a model can read the file."""
        return self.status == "processed"


def parse_file(context: ResponseContext, body: HTTPBody) -> UploadedFile:
    """Parse a response with one file.

    Raises:
        QwenError: The response is an error, or no file.
    """
    payload = parse_object(context, body, "file")
    if (found := read_file(payload)) is None:
        raise unexpected_response(context, body, "file")
    return found


def parse_list(context: ResponseContext, body: HTTPBody) -> tuple[list[UploadedFile], bool]:
    """Parse a page of a list: the files, and whether there are more.

    Raises:
        QwenError: The response is an error, or no list. `data` of an empty list may be null.
    """
    payload = parse_object(context, body, "list of files")
    entries = payload.get("data", ...)
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise unexpected_response(context, body, "list of files")
    files = [read_file(entry) for entry in entries]
    if None in files:
        raise unexpected_response(context, body, "list of files")
    return [file for file in files if file is not None], payload.get("has_more") is True


def parse_deleted(context: ResponseContext, body: HTTPBody) -> bool:
    """Parse the response to a deletion.

    Raises:
        QwenError: The response is an error, or does not say whether the file was deleted.
    """
    payload = parse_object(context, body, "deleted file")
    if not isinstance(deleted := payload.get("deleted"), bool):
        raise unexpected_response(context, body, "deleted file")
    return deleted


def read_file(payload: Any) -> UploadedFile | None:
    """Parse a file's JSON; return None if it is no file."""
    if not isinstance(payload, Mapping) or not isinstance(id_ := payload.get("id"), str) or not id_:
        return None
    return UploadedFile(
        id=id_,
        filename=_typed(payload, "filename", str),
        size=_typed(payload, "bytes", int),
        purpose=_typed(payload, "purpose", str),
        status=_typed(payload, "status", str),
        status_details=_typed(payload, "status_details", str),
        created_at=_time(payload.get("created_at")),
        raw=payload,
    )


def _typed(payload: Mapping[str, Any], key: str, kind: type) -> Any:
    value = payload.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _time(value: Any) -> datetime | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None
