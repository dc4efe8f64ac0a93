"""Call OpenAI's batch API in DashScope's form: files of requests and files of results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from langchain_qwen36.bulk.batch.actions import Send, repeat
from langchain_qwen36.bulk.batch.lines import ENDPOINT
from langchain_qwen36.bulk.batch.states import RemoteBatch, parse_batch, parse_listing
from langchain_qwen36.errors import (
    NotFoundError,
    QwenError,
    ServerError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_qwen36.bulk.batch.actions import Steps
    from langchain_qwen36.bulk.batch.store import Part

_MAX_PAGES = 50
_PAGE = "100"
_SETTLED = frozenset({400, 404, 409, 422})
"""Statuses with which a gateway refuses to cancel a batch that has ended."""


class FileWire:
    """The calls of one gateway; `window` is how long a batch may take, such as `24h`."""

    def __init__(self, window: str = "24h", name: str = "langchain-qwen36") -> None:
        self._window, self._name = window, name

    def upload(self, part: Part, path: Path) -> Steps[str]:
        """Upload the requests; a second try may leave a file behind, which costs nothing."""
        filename = f"{self._name}-{part.file}"
        reply = yield from repeat(
            Send(method="POST", path="/files", upload=path, filename=filename)
        )
        payload = reply.payload
        file_id = payload.get("id") if isinstance(payload, dict) else None
        if not (isinstance(file_id, str) and file_id):
            raise UnexpectedResponseError(f"The upload of {filename} was answered without an id.")
        return file_id

    def create(self, part: Part, path: Path) -> Steps[RemoteBatch | None]:
        """Create the batch by one request, which is never repeated here."""
        _ = path
        body = {
            "input_file_id": part.input_file,
            "endpoint": ENDPOINT,
            "completion_window": self._window,
            "metadata": {"ds_name": self._name, "ds_description": f"{part.file}"},
        }
        reply = yield Send(
            method="POST", path="/batches", body=orjson.dumps(body), makes_something=True
        )
        remote = parse_batch(reply.payload)
        return remote if remote is not None and _is_of(remote, part) else None

    def find(self, part: Part, known: frozenset[str]) -> Steps[list[RemoteBatch]]:
        """Find batches by their input file, which belongs to this part alone.

        A gateway may ignore the filter, so its list is compared again.
        """
        found: list[RemoteBatch] = []
        query = {"input_file_ids": part.input_file, "limit": _PAGE}
        for _ in range(_MAX_PAGES):
            reply = yield from repeat(Send(method="GET", path="/batches", query=query))
            batches, after = parse_listing(reply.payload)
            found += [batch for batch in batches if batch.input_file == part.input_file]
            if after is None:
                break
            query = {**query, "after": after}
        found = [batch for batch in found if batch.id not in known]
        return sorted(found, key=lambda batch: (batch.status == "failed", batch.created))

    def look(self, part: Part) -> Steps[RemoteBatch]:
        """Read the state of the batch."""
        reply = yield Send(method="GET", path=f"/batches/{part.batch_id}")
        remote = parse_batch(reply.payload)
        if remote is None or remote.id != part.batch_id:
            raise ServerError(f"The answer does not describe the batch {part.batch_id}.")
        return remote

    def fetch(self, part: Part, folder: Path) -> Steps[list[Path]]:
        """Fetch both files of results; either may hold good and failed rows."""
        paths: list[Path] = []
        for file_id in dict.fromkeys((part.output_file, part.error_file)):
            if not file_id:
                continue
            path = folder / f"{part.file}.{len(paths)}"
            try:
                yield from repeat(
                    Send(method="GET", path=f"/files/{file_id}/content", save_to=path)
                )
            except NotFoundError:
                continue  # it was deleted: its rows count as missing
            paths.append(path)
        return paths

    def cancel(self, part: Part) -> Steps[None]:
        """Request the batch's end; a batch that has ended already refuses."""
        try:
            yield Send(method="POST", path=f"/batches/{part.batch_id}/cancel")
        except QwenError as error:
            if error.status_code not in _SETTLED:
                raise

    def delete(self, part: Part) -> Steps[None]:
        """Delete the files of the requests and of the results."""
        for file_id in dict.fromkeys((part.input_file, part.output_file, part.error_file)):
            if file_id:
                try:
                    yield from repeat(Send(method="DELETE", path=f"/files/{file_id}"))
                except NotFoundError:
                    continue


def _is_of(remote: RemoteBatch, part: Part) -> bool:
    return not remote.input_file or remote.input_file == part.input_file
