"""`QwenFiles`: upload, look up, list, download and delete files at a gateway, sync and async."""

from __future__ import annotations

import asyncio
import math
import os
import time
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from langchain_qwen36._content.source import replace_lone_surrogates
from langchain_qwen36._model.client import ClientRequest, ClientSettings
from langchain_qwen36._transport.backoff import asleep, sleep
from langchain_qwen36._transport.http.upload import UploadBody
from langchain_qwen36._transport.request import adownload, asend, download, send
from langchain_qwen36._transport.timeouts import MAX_SECONDS
from langchain_qwen36.errors import (
    GatewayTimeoutError,
    InvalidRequestError,
    MessageError,
    UnsupportedSettingError,
)
from langchain_qwen36.files.source import check_upload, file_part
from langchain_qwen36.files.temporary import (
    form_request,
    oss_url,
    parse_policy,
    parse_stored,
    policy_request,
)
from langchain_qwen36.files.uploaded_file import (
    UploadedFile,
    parse_deleted,
    parse_file,
    parse_list,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from typing import IO

    from langchain_qwen36._transport import ApiCall
    from langchain_qwen36.files.source import Source

FileOrId = str | UploadedFile

_PAGE = 100
"""Files in one page of a list."""
_FIRST_POLL, _MAX_POLL = 0.5, 10.0
"""Seconds between two checks of a file that the gateway is reading; doubled up to the most."""


class QwenFiles(ClientSettings):
    """Files at a gateway that has OpenAI's `/files`: Model Studio, and others.

    Each method has an async twin: `aupload`, `aget`, `alist`, `adelete`, …

        files = QwenFiles(gateway="dashscope")
        report = files.wait_until_processed(files.upload("report.pdf"))
        messages = [HumanMessage(["Sum it up.", report.content_block])]
        ChatQwen36(model="qwen-long", gateway="dashscope").invoke(messages)

    Raises:
        TypeError: a keyword that is no setting.
        MissingKeyError: no gateway can be chosen, or its key is not set.
        UnsupportedSettingError: an unknown gateway; a key or a header that cannot be sent.
    """

    def upload(
        self, source: Source, *, purpose: str = "file-extract", filename: str | None = None
    ) -> UploadedFile:
        """Upload a file; it is read while it is sent, however large it is.

        Args:
            source: The file's path, or its bytes.
            purpose: The use of the file: `file-extract` for documents that `qwen-long` reads,
                `batch` for the requests of a batch.
            filename: Its name at the gateway; a path's own name when left out.

        Raises:
            MessageError: no such file, an empty one, or one that the gateway does not take.
            QwenError: the gateway refuses it, or cannot be reached. If the reply was lost, the
                upload may still have succeeded; check `list`.
        """
        return send(self._call(self._upload_request(source, purpose, filename)), parse_file)

    async def aupload(
        self, source: Source, *, purpose: str = "file-extract", filename: str | None = None
    ) -> UploadedFile:
        """`upload`, async."""
        request = await asyncio.to_thread(self._upload_request, source, purpose, filename)
        return await asend(await self._acall(request), parse_file)

    def get(self, file: FileOrId) -> UploadedFile:
        """Look up a file.

        Raises:
            NotFoundError: No file has this id.
        """
        return send(self._call(_of_file(file)), parse_file)

    async def aget(self, file: FileOrId) -> UploadedFile:
        """`get`, async."""
        return await asend(await self._acall(_of_file(file)), parse_file)

    def list(self, *, purpose: str | None = None, **query: Any) -> Generator[UploadedFile]:
        """List the files of the account; each page is requested when it is needed.

        Args:
            purpose: Lists only files with this purpose.
            query: Other parameters of the gateway's list, such as `create_after="20260101"`.
        """
        after: str | None = None
        while True:
            request = _list_request(purpose, after, query)
            files, has_more = send(self._call(request), parse_list)
            yield from files
            if not (has_more and files) or files[-1].id == after:
                return
            after = files[-1].id

    async def alist(
        self, *, purpose: str | None = None, **query: Any
    ) -> AsyncGenerator[UploadedFile]:
        """`list`, async."""
        after: str | None = None
        while True:
            request = _list_request(purpose, after, query)
            files, has_more = await asend(await self._acall(request), parse_list)
            for file in files:
                yield file
            if not (has_more and files) or files[-1].id == after:
                return
            after = files[-1].id

    def delete(self, file: FileOrId) -> bool:
        """Delete a file; return whether the gateway confirms it.

        Raises:
            NotFoundError: No file has this id.
        """
        return send(self._call(_of_file(file, "DELETE")), parse_deleted)

    async def adelete(self, file: FileOrId) -> bool:
        """`delete`, async."""
        return await asend(await self._acall(_of_file(file, "DELETE")), parse_deleted)

    def wait_until_processed(self, file: FileOrId, *, timeout: float = 600.0) -> UploadedFile:
        """Wait until the gateway has read a document, and return it.

        Args:
            file: The file, or its id.
            timeout: Most seconds to wait.

        Raises:
            InvalidRequestError: the gateway cannot read the file.
            GatewayTimeoutError: the file is not ready in time.
        """
        poll = _Poll(file, timeout)
        while not poll.is_over():
            sleep(poll.seconds())
            poll.file = self.get(poll.id)
        return poll.processed()

    async def await_until_processed(
        self,
        file: FileOrId,
        *,
        timeout: float = 600.0,  # noqa: ASYNC109
    ) -> UploadedFile:
        """`wait_until_processed`, async."""
        poll = _Poll(file, timeout)
        while not poll.is_over():
            await asleep(poll.seconds())
            poll.file = await self.aget(poll.id)
        return poll.processed()

    def iter_content(self, file: FileOrId) -> Generator[bytes]:
        """Yield a file's bytes as they come; a broken download is not repeated.

        At Model Studio, only files that the gateway itself created can be read: results of batches.
        """
        return download(self._call(_of_file(file, part="/content")))

    async def aiter_content(self, file: FileOrId) -> AsyncGenerator[bytes]:
        """`iter_content`, async."""
        call = await self._acall(_of_file(file, part="/content"))
        async with aclosing(adownload(call)) as pieces:
            async for piece in pieces:
                yield piece

    def download(self, file: FileOrId, path: str | os.PathLike[str]) -> Path:
        """Save a file; the path exists only when the file is complete.

        A broken download starts again, as often as `max_retries` allows.
        """
        call = self._call(_of_file(file, part="/content"))
        part = _part_of(path)
        try:
            with part.open("wb") as out, closing(download(call, _emptied(out))) as pieces:
                for piece in pieces:
                    out.write(piece)
            return part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    async def adownload(self, file: FileOrId, path: str | os.PathLike[str]) -> Path:
        """`download`, async."""
        call = await self._acall(_of_file(file, part="/content"))
        return await _save(call, path)

    def upload_temporary(self, source: Source, *, model: str, filename: str | None = None) -> str:
        """Upload an image or a video for 48 hours, and return its `oss://` URL.

        The URL is used in place of an image's or a video's URL, in calls of this model and account
        only. Model Studio in Beijing offers it for trials; its documentation advises against
        production use.

        Args:
            source: The file's path, or its bytes.
            model: The model that will read the file.
            filename: Its name at the gateway; a path's own name when left out.

        Raises:
            UnsupportedSettingError: the gateway has no temporary storage.
            MessageError: see `upload`.
            QwenError: the gateway, or its storage, refuses it or cannot be reached.
        """
        part = file_part(source, filename)
        endpoint = self._endpoint
        policy = send(self._call(policy_request(endpoint, model)), parse_policy)
        send(self._call(form_request(endpoint, policy, part)), parse_stored)
        return oss_url(policy, part)

    async def aupload_temporary(
        self, source: Source, *, model: str, filename: str | None = None
    ) -> str:
        """`upload_temporary`, async."""
        part = await asyncio.to_thread(file_part, source, filename)
        endpoint = self._endpoint
        policy = await asend(await self._acall(policy_request(endpoint, model)), parse_policy)
        request = form_request(endpoint, policy, part)
        await asend(await self._acall(request), parse_stored)
        return oss_url(policy, part)

    def _upload_request(self, source: Source, purpose: str, filename: str | None) -> ClientRequest:
        part = file_part(source, filename)
        check_upload(part, purpose, self._endpoint.gateway)
        body = UploadBody({"purpose": purpose}, part)
        headers = {"content-type": body.content_type}
        return ClientRequest(path="files", body=body, headers=headers)


async def _save(call: ApiCall, path: str | os.PathLike[str]) -> Path:
    part = _part_of(path)
    try:
        with part.open("wb") as out:
            async with aclosing(adownload(call, _emptied(out))) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(out.write, piece)
        return part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _part_of(path: str | os.PathLike[str]) -> Path:
    """Return a path of its own for an unfinished download."""
    target = Path(path)
    return target.with_name(f".{target.name}.{os.getpid()}.{time.monotonic_ns()}.part")


def _emptied(out: IO[bytes]) -> Any:
    def empty() -> None:
        out.seek(0)
        out.truncate()

    return empty


def _of_file(file: FileOrId, method: Any = "GET", part: str = "") -> ClientRequest:
    return ClientRequest(path=f"files/{quote(_id(file), safe='')}{part}", method=method)


def _id(file: object) -> str:
    given = file.id if isinstance(file, UploadedFile) else file
    id_ = given.removeprefix("fileid://") if isinstance(given, str) else ""
    # Dots would lead to another path.
    if id_.strip() in ("", ".", "..") or replace_lone_surrogates(id_) != id_:
        raise MessageError(f"{file!r} is no file's id: pass `file.id` of an upload.")
    return id_


def _list_request(purpose: str | None, after: str | None, query: dict[str, Any]) -> ClientRequest:
    given = {"limit": _PAGE, "purpose": purpose, "after": after, **query}
    present = {name: value for name, value in given.items() if value is not None}
    return ClientRequest(path="files", method="GET", query=present)


class _Poll:
    """The wait for one file."""

    def __init__(self, file: FileOrId, seconds: object) -> None:
        self.id = _id(file)
        self.file = file if isinstance(file, UploadedFile) else None
        if not isinstance(seconds, int | float) or math.isnan(min(seconds, MAX_SECONDS)):
            raise UnsupportedSettingError(f"`timeout={seconds!r}`: a number of seconds.")
        self._limit = seconds
        self._until = time.monotonic() + min(seconds, MAX_SECONDS)
        self._pause = 0.0

    def is_over(self) -> bool:
        if self.file is None:
            return False
        return self.file.status in ("processed", "error") or time.monotonic() >= self._until

    def seconds(self) -> float:
        """Return the seconds until the next check; the first follows at once."""
        left = max(self._until - time.monotonic(), 0.0)
        pause = self._pause if self.file is not None else 0.0
        self._pause = min(max(2 * self._pause, _FIRST_POLL), _MAX_POLL)
        return min(pause, left)

    def processed(self) -> UploadedFile:
        assert self.file is not None  # noqa: S101  # `is_over` has seen it
        if self.file.is_processed:
            return self.file
        if self.file.status == "error":
            why = self.file.status_details or "it gives no reason"
            raise InvalidRequestError(
                f"The gateway cannot read {self.file.filename!r} ({self.id}): {why}.",
                body=dict(self.file.raw),
            )
        raise GatewayTimeoutError(
            f"{self.file.filename!r} ({self.id}) is {self.file.status!r} after {self._limit} s: "
            "wait longer with `wait_until_processed(file, timeout=...)`."
        )
