"""Model Studio's `/files` and its temporary storage, without the socket.

The shapes are those of recordings made in Beijing between 2025-07 and 2026-04
(cnblogs/dashscope-sdk, test/…/RawHttpData, `*file*compatible*` and `*upload-policy*`).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_API = "/compatible-mode/v1"


@dataclass(slots=True)
class Stored:
    """A file at the server."""

    content: bytes
    filename: str
    purpose: str
    statuses: list[str]
    """One a look; the last stays."""
    status_details: str | None = None

    def shown(self, id_: str) -> dict[str, Any]:
        """Return the file's JSON."""
        status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
        details = {"status_details": self.status_details} if self.status_details else {}
        return {
            "id": id_,
            "object": "file",
            "bytes": len(self.content),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": status,
            "created_at": 1_764_499_365,
            **details,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    form: dict[str, bytes] = field(default_factory=dict)


Answer = tuple[int, dict[str, Any] | bytes | None]


class FilesApi:
    """The files of one account.

    Args:
        key: The only key that is taken.
        statuses: What a new file's looks show, one by one.
        page: How many files a list shows at once.
    """

    def __init__(
        self, key: str, *, statuses: tuple[str, ...] = ("processed",), page: int = 100
    ) -> None:
        self.files: dict[str, Stored] = {}
        self.requests: list[Seen] = []
        self.script: deque[Answer] = deque()
        """Answers of the next requests, whatever they are."""
        self.chunk: int | None = None
        """Bytes after which the content of a file is cut off, once."""
        self.policy: dict[str, Any] = {}
        """Changes of the upload policy."""
        self.origin = ""
        """Scheme, host and port of the server, which is its own storage."""
        self._key = key
        self._statuses = statuses
        self._page = page

    def add(self, content: bytes, filename: str, purpose: str, **details: Any) -> str:
        """Put a file there, and return its id."""
        prefix = {"batch": "file-batch", "file-extract": "file-fe"}.get(purpose, f"file-{purpose}")
        id_ = f"{prefix}-{len(self.files):024x}"
        statuses = list(details.pop("statuses", self._statuses))
        self.files[id_] = Stored(content, filename, purpose, statuses, **details)
        return id_

    def respond(self, seen: Seen) -> Answer:
        """Answer a request."""
        self.requests.append(seen)
        return self.script.popleft() if self.script else self._answer(seen)

    def _answer(self, seen: Seen) -> Answer:
        if seen.path == "/" and seen.method == "POST":
            return self._store(seen)
        if seen.headers.get("authorization") != f"Bearer {self._key}":
            return 401, _error("Incorrect API key provided.", code="invalid_api_key")
        if seen.path == "/api/v1/uploads":
            return 200, {"data": self._policy(), "request_id": "b744f4f8"}
        if seen.path == f"{_API}/files":
            return self._upload(seen) if seen.method == "POST" else (200, self._list(seen))
        return self._of_one(seen)

    def _of_one(self, seen: Seen) -> Answer:
        match = re.fullmatch(rf"{_API}/files/([^/]+)(/content)?", seen.path)
        if not match or match[1] not in self.files:
            return 404, _error("No such file object.", param="id")
        return self._one(match[1], seen.method, content=bool(match[2]))

    def _one(self, id_: str, method: str, *, content: bool) -> Answer:
        if method == "DELETE":
            del self.files[id_]
            return 200, {"id": id_, "object": "file", "deleted": True}
        file = self.files[id_]
        return 200, file.content if content else file.shown(id_)

    def _upload(self, seen: Seen) -> Answer:
        purpose = seen.form["purpose"].decode()
        if purpose not in ("file-extract", "batch"):
            text = "'purpose' must be 'file-extract'"
            return 400, _error(text, type="invalid_request_error", param="purpose")
        id_ = self.add(seen.form["file"], seen.form["filename"].decode(), purpose)
        return 200, self.files[id_].shown(id_)

    def _list(self, seen: Seen) -> dict[str, Any]:
        ids = [
            id_
            for id_, file in self.files.items()
            if seen.query.get("purpose") in (None, file.purpose)
        ]
        start = ids.index(seen.query["after"]) + 1 if "after" in seen.query else 0
        page = ids[start : start + self._page]
        shown = [self.files[id_].shown(id_) for id_ in page]
        # An empty list is `null`.
        more = start + self._page < len(ids)
        return {"object": "list", "data": shown or None, "has_more": more}

    def _policy(self) -> dict[str, Any]:
        return {
            "policy": "eyJleHBpcmF0aW9uIjoi",
            "signature": "n3dNX/aD3+WAly0QgzsURfiIk00=",
            "upload_dir": "dashscope-instant/52afe077/2026-12-01/b744f4f8",
            "upload_host": self.origin,
            "expire_in_seconds": 300,
            "max_file_size_mb": 1,
            "oss_access_key_id": "accessKeyId",
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        } | self.policy

    def _store(self, seen: Seen) -> Answer:
        if "authorization" in seen.headers:
            return 400, b"<Error><Code>InvalidArgument</Code></Error>"
        self.add(seen.form["file"], seen.form["key"].decode(), "temporary")
        return 200, None


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": None, "param": None, "code": None, **more}}


def read_form(content_type: str, raw: bytes) -> dict[str, bytes]:
    """Read a form; the name of its file becomes the field `filename`."""
    boundary = b"--" + content_type.partition("boundary=")[2].encode()
    form: dict[str, bytes] = {}
    for part in raw.split(boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
        for name, value in re.findall(rb'\b(name|filename)="([^"]*)"', head):
            if name == b"name":
                form[value.decode()] = content
            else:
                form["filename"] = value
    return form
