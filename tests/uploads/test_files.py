"""`QwenFiles`: what it sends, what it makes of the answers, and what it refuses itself."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from files_server import KEY, FilesServer

from langchain_qwen36 import no_waiting
from langchain_qwen36.errors import (
    AuthenticationError,
    GatewayConnectionError,
    GatewayTimeoutError,
    InvalidRequestError,
    MessageError,
    MissingKeyError,
    NotFoundError,
    UnexpectedResponseError,
    UnsupportedSettingError,
)
from langchain_qwen36.files import QwenFiles, UploadedFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modes import Mode


@pytest.fixture
def server() -> Iterator[FilesServer]:
    """Serve files that are read at once."""
    with FilesServer() as server:
        yield server


def files_at(server: FilesServer, **settings: Any) -> QwenFiles:
    """Return a client of a server."""
    return QwenFiles(
        **{"gateway": "dashscope", "base_url": server.base_url, "api_key": KEY} | settings
    )


def called(mode: Mode, files: QwenFiles, method: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method, or its async twin on a loop of its own."""
    if mode == "sync":
        result = getattr(files, method)(*args, **kwargs)
        return list(result) if method in ("list", "iter_content") else result

    async def call() -> Any:
        twin = "await_until_processed" if method == "wait_until_processed" else f"a{method}"
        result = getattr(files, twin)(*args, **kwargs)
        if method in ("list", "iter_content"):
            return [item async for item in result]
        return await result

    return asyncio.run(call())


# Upload


@pytest.mark.parametrize("given", ["path", "bytes"])
def test_upload_sends_a_form(server: FilesServer, mode: Mode, given: str, tmp_path: Path) -> None:
    """A file goes out as multipart form with its purpose and its name, and comes back typed."""
    content = "第一章\r\n--boundary".encode()
    path = tmp_path / "报告 1.txt"
    path.write_bytes(content)
    source: Any = path if given == "path" else content
    named = {} if given == "path" else {"filename": "报告 1.txt"}
    file = called(mode, files_at(server), "upload", source, **named)
    assert file == UploadedFile(
        id="file-fe-000000000000000000000000",
        filename="报告 1.txt",
        size=len(content),
        purpose="file-extract",
        status="processed",
        created_at=datetime(2025, 11, 30, 10, 42, 45, tzinfo=UTC),
    )
    (seen,) = server.requests
    assert (seen.method, seen.path) == ("POST", "/compatible-mode/v1/files")
    assert seen.form["file"] == content
    assert server.files[file.id].filename == "报告 1.txt"


def test_a_large_file_is_not_held_in_memory(
    server: FilesServer, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload reads its file in pieces of at most 256 KiB, in order, and sends all of them."""
    import langchain_qwen36._transport.http.upload as upload  # noqa: PLC0415, PLR0402

    content = bytes(range(256)) * 4096 * 8  # 8 MiB
    path = tmp_path / "large.txt"
    path.write_bytes(content)
    pieces: list[int] = []
    checked = upload.UploadBody._checked

    def counted(self: Any, piece: bytes) -> bytes:
        pieces.append(len(piece))
        return checked(self, piece)

    monkeypatch.setattr(upload.UploadBody, "_checked", counted)
    called(mode, files_at(server), "upload", path)
    assert server.requests[0].form["file"] == content
    assert max(pieces) == 256 * 1024
    assert sum(pieces) == len(content)


def test_an_upload_that_failed_is_sent_again_whole(server: FilesServer, mode: Mode) -> None:
    """The second attempt of an upload begins at the first byte."""
    server.script.append((503, {"error": {"message": "overloaded"}}))
    with no_waiting():
        called(mode, files_at(server), "upload", b"abc", filename="a.txt")
    assert [seen.form["file"] for seen in server.requests] == [b"abc", b"abc"]


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        pytest.param(b"", {"filename": "a.txt"}, "empty", id="empty"),
        pytest.param(b"x", {}, "filename=", id="bytes without a name"),
        pytest.param("no/such/file.pdf", {}, "No such file", id="missing"),
        pytest.param(".", {}, "directory", id="a directory"),
        pytest.param(7, {}, "path or its bytes", id="a number"),
        pytest.param(b"x", {"filename": "a.exe"}, r"\.docx", id="a format nobody reads"),
        pytest.param(
            b"x", {"filename": "a.txt", "purpose": "batch"}, r"\.jsonl", id="no JSON lines"
        ),
    ],
)
def test_what_cannot_be_uploaded_is_refused_before_sending(
    server: FilesServer, mode: Mode, source: Any, options: dict[str, Any], message: str
) -> None:
    """The error names the fix, and nothing is sent."""
    with pytest.raises(MessageError, match=message):
        called(mode, files_at(server), "upload", source, **options)
    assert server.requests == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(server: FilesServer, tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer for ever."""
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(MessageError, match="not a file"):
        files_at(server).upload(tmp_path / "pipe.txt")


@pytest.mark.parametrize(
    ("name", "limit", "purpose"),
    [
        ("large.pdf", 150 * 2**20, "file-extract"),
        ("large.PNG", 20 * 2**20, "file-extract"),
        ("large.jsonl", 500 * 2**20, "batch"),
    ],
)
def test_a_file_above_the_limit_is_refused_before_sending(
    server: FilesServer, tmp_path: Path, name: str, limit: int, purpose: str
) -> None:
    """Model Studio's limits are checked by format and purpose; a sparse file costs no disk here."""
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(limit + 1)
    with pytest.raises(MessageError, match=f"{limit:,}"):
        files_at(server).upload(path, purpose=purpose)
    assert server.requests == []


def test_a_gateway_that_is_not_known_judges_itself(server: FilesServer) -> None:
    """Other servers take what they take: no limit of Model Studio holds there."""
    files = files_at(server, gateway="openai-compatible")
    with pytest.raises(InvalidRequestError, match="'purpose' must be") as caught:
        files.upload(b"x", filename="a.exe", purpose="vision")
    assert caught.value.request_id == "2f2e1a67-e94c-4a00-8e86-6d51d94a8f75"


def test_a_file_that_shrinks_while_it_is_sent_ends_the_upload(
    server: FilesServer, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server is left waiting for bytes that do not come."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 10)
    monkeypatch.setattr("langchain_qwen36.files.client.file_part", _with_another_size)
    with pytest.raises(MessageError, match="became shorter"):
        called(mode, files_at(server), "upload", path)


def _with_another_size(source: Path, filename: str | None) -> Any:
    from dataclasses import replace  # noqa: PLC0415

    from langchain_qwen36.files.source import file_part  # noqa: PLC0415

    return replace(file_part(source, filename), size=1_000)


# Look-ups


def test_get_finds_a_file(server: FilesServer, mode: Mode) -> None:
    """A file is found by its id, by itself, and by the URL that messages carry."""
    id_ = server.add(b"x", "a.txt", "file-extract")
    files = files_at(server)
    found = called(mode, files, "get", id_)
    assert (found.id, found.is_processed) == (id_, True)
    assert called(mode, files, "get", found) == found
    assert called(mode, files, "get", f"fileid://{id_}") == found


def test_get_of_no_file(server: FilesServer, mode: Mode) -> None:
    """A file that is not there is a `NotFoundError`."""
    with pytest.raises(NotFoundError, match="No such file"):
        called(mode, files_at(server), "get", "file-fe-none")


@pytest.mark.parametrize("wrong", [float("nan"), "soon", None])
def test_a_wait_is_a_number_of_seconds(server: FilesServer, mode: Mode, wrong: Any) -> None:
    """NaN is never over: it would wait for ever; years are as good as no limit."""
    files = files_at(server)
    id_ = server.add(b"x", "a.txt", "file-extract")
    with pytest.raises(UnsupportedSettingError, match="number of seconds"):
        called(mode, files, "wait_until_processed", id_, timeout=wrong)
    found = called(mode, files, "wait_until_processed", id_, timeout=10**400)
    assert found.is_processed


@pytest.mark.parametrize("id_", ["", "  ", ".", "..", "fileid://..", "a\ud800", None, 5])
def test_an_empty_id_is_refused(server: FilesServer, id_: Any) -> None:
    """An empty id would ask for the list, and dots have a deletion hit another path."""
    with pytest.raises(MessageError, match="no file's id"):
        files_at(server).delete(id_)
    assert server.requests == []


def test_an_id_stays_one_segment_of_the_path(server: FilesServer) -> None:
    """A slash in an id leads to no other path."""
    with pytest.raises(NotFoundError):
        files_at(server).get("../batches?x=1")
    assert server.requests[0].path == "/compatible-mode/v1/files/..%2Fbatches%3Fx%3D1"


def test_list_walks_all_pages(mode: Mode) -> None:
    """A list goes on behind the last file of a page until there are no more."""
    with FilesServer(page=2) as server:
        ids = [server.add(b"x", f"{number}.txt", "file-extract") for number in range(5)]
        server.add(b"x", "b.jsonl", "batch")
        found = called(mode, files_at(server), "list", purpose="file-extract", create_after="2026")
        assert [file.id for file in found] == ids
    assert [seen.query for seen in server.requests] == [
        {"limit": "100", "purpose": "file-extract", "create_after": "2026", **after}
        for after in ({}, {"after": ids[1]}, {"after": ids[3]})
    ]


def test_an_empty_list_may_be_null(server: FilesServer, mode: Mode) -> None:
    """`"data": null` is a list without files."""
    assert called(mode, files_at(server), "list") == []


def test_list_does_not_turn_in_circles(server: FilesServer, mode: Mode) -> None:
    """A server that shows the same page for ever is asked twice at most."""
    page = {"object": "list", "data": [{"id": "file-fe-1"}], "has_more": True}
    server.script.extend([(200, page)] * 5)
    assert len(called(mode, files_at(server), "list")) == 2


def test_delete(server: FilesServer, mode: Mode) -> None:
    """A deleted file is gone."""
    id_ = server.add(b"x", "a.txt", "file-extract")
    assert called(mode, files_at(server), "delete", id_) is True
    assert server.files == {}
    assert server.requests[0].headers.get("content-type") is None


@pytest.mark.parametrize(
    ("method", "args", "body"),
    [
        pytest.param("get", ("file-1",), {"object": "file"}, id="a file without id"),
        pytest.param("get", ("file-1",), b"<html>", id="a page"),
        pytest.param("list", (), {"object": "list", "data": {}}, id="a list that is none"),
        pytest.param("list", (), {"object": "list", "data": [7]}, id="an entry that is none"),
        pytest.param("delete", ("file-1",), {"id": "file-1"}, id="a deletion that says nothing"),
    ],
)
def test_an_answer_of_another_shape_is_an_error(
    server: FilesServer, mode: Mode, method: str, args: tuple[str, ...], body: Any
) -> None:
    """What is not understood is never taken for success."""
    server.script.extend([(200, body)] * 3)
    with no_waiting(), pytest.raises((UnexpectedResponseError, InvalidRequestError)):
        called(mode, files_at(server), method, *args)


# Waiting


def test_wait_until_processed(mode: Mode) -> None:
    """The file is looked at until the gateway has read it."""
    with FilesServer(statuses=("uploaded", "parsing", "processed")) as server, no_waiting():
        files = files_at(server)
        file = called(mode, files, "upload", b"x", filename="a.txt")
        assert file.status == "uploaded"
        assert called(mode, files, "wait_until_processed", file).status == "processed"
    assert [seen.method for seen in server.requests] == ["POST", "GET", "GET"]


def test_a_processed_file_is_not_looked_at_again(server: FilesServer, mode: Mode) -> None:
    """Waiting for a file that is ready costs no request."""
    file = UploadedFile(id="file-fe-1", status="processed")
    assert called(mode, files_at(server), "wait_until_processed", file) == file
    assert server.requests == []


def test_a_file_that_cannot_be_read_ends_the_wait(server: FilesServer, mode: Mode) -> None:
    """The gateway's reason stands in the error."""
    id_ = server.add(
        b"x", "a.pdf", "file-extract", statuses=["error"], status_details="encrypted file"
    )
    with pytest.raises(InvalidRequestError, match=r"'a\.pdf'.*encrypted file"):
        called(mode, files_at(server), "wait_until_processed", id_)


def test_a_wait_ends_in_time(server: FilesServer, mode: Mode) -> None:
    """A file that is never ready ends with an error that names the setting."""
    id_ = server.add(b"x", "a.pdf", "file-extract", statuses=["parsing"])
    with pytest.raises(GatewayTimeoutError, match=r"'parsing'.*timeout="):
        called(mode, files_at(server), "wait_until_processed", id_, timeout=0.01)


# Content


def test_iter_content_yields_the_bytes(server: FilesServer, mode: Mode) -> None:
    """The bytes of a result come as they are."""
    content = b'{"custom_id":"1"}\n' * 50_000
    id_ = server.add(content, "out.jsonl", "batch_output")
    assert b"".join(called(mode, files_at(server), "iter_content", id_)) == content


def test_iter_content_does_not_begin_again(server: FilesServer, mode: Mode) -> None:
    """A download that breaks off is an error: its first bytes would come twice."""
    id_ = server.add(b"x" * 100_000, "out.jsonl", "batch_output")
    server.chunk = 50_000
    with no_waiting(), pytest.raises(GatewayConnectionError):
        called(mode, files_at(server), "iter_content", id_)
    assert len(server.requests) == 1


def test_download_saves_the_whole_file(server: FilesServer, mode: Mode, tmp_path: Path) -> None:
    """A download that broke off begins again from zero, and only the whole file has the name."""
    content = bytes(range(256)) * 1_000
    id_ = server.add(content, "out.jsonl", "batch_output")
    server.chunk = 50_000
    with no_waiting():
        path = called(mode, files_at(server), "download", id_, tmp_path / "out.jsonl")
    assert (path, path.read_bytes()) == (tmp_path / "out.jsonl", content)
    assert list(tmp_path.iterdir()) == [path]
    assert len(server.requests) == 2


def test_a_failed_download_leaves_the_old_file(
    server: FilesServer, mode: Mode, tmp_path: Path
) -> None:
    """What stood under the name before stays, and nothing else is left behind."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(NotFoundError):
        called(mode, files_at(server), "download", "file-none", path)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [
        ("out.jsonl", b"old")
    ]


# The temporary storage


def test_upload_temporary_gives_an_oss_url(server: FilesServer, mode: Mode) -> None:
    """A policy for the model is asked for, and the file goes to the storage without the key."""
    files = files_at(server, default_headers={"x-mine": "secret"})
    url = called(
        mode, files, "upload_temporary", b"video", model="qwen3.6-plus", filename="walk.mp4"
    )
    assert url == "oss://dashscope-instant/52afe077/2026-12-01/b744f4f8/walk.mp4"
    asked, stored = server.requests
    assert (asked.path, asked.query) == (
        "/api/v1/uploads",
        {"action": "getPolicy", "model": "qwen3.6-plus"},
    )
    assert list(stored.form)[-2:] == ["file", "filename"]  # what stands behind it is not read
    assert stored.form["key"].decode() == url.removeprefix("oss://")
    assert stored.form["file"] == b"video"
    assert not {"authorization", "x-mine"} & set(stored.headers)


def test_a_clients_own_headers_stay_away_from_the_storage(server: FilesServer, mode: Mode) -> None:
    """Default headers and cookies of the user's own httpx client are the gateway's only."""
    own: dict[str, Any] = {
        "headers": {"authorization": "Bearer sk-own", "x-own": "secret"},
        "cookies": {"own": "secret"},
        "limits": httpx.Limits(max_keepalive_connections=0),  # nothing stays open
    }
    files = files_at(
        server, http_client=httpx.Client(**own), http_async_client=httpx.AsyncClient(**own)
    )
    called(mode, files, "upload_temporary", b"video", model="qwen3.6-plus", filename="walk.mp4")
    _, stored = server.requests
    assert stored.form["file"] == b"video"
    assert not {"authorization", "cookie", "x-own"} & set(stored.headers)


def test_upload_temporary_checks_the_size(server: FilesServer, mode: Mode) -> None:
    """The policy says how large a file of this model may be; nothing larger is sent."""
    with pytest.raises(MessageError, match="1 MB"):
        called(
            mode,
            files_at(server),
            "upload_temporary",
            bytes(2**20 + 1),
            model="qwen3.6-plus",
            filename="walk.mp4",
        )
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "host", ["https://evil.example", "http://x.oss-cn-beijing.aliyuncs.com", "https://aliyuncs.com"]
)
def test_upload_temporary_goes_to_alibabas_storage_only(
    server: FilesServer, mode: Mode, host: str
) -> None:
    """A file is sent to no other host, nor unencrypted over the network."""
    server.policy = {"upload_host": host}
    with pytest.raises(UnsupportedSettingError, match="not sent"):
        called(
            mode, files_at(server), "upload_temporary", b"x", model="qwen3.6-plus", filename="a.png"
        )
    assert len(server.requests) == 1


def test_upload_temporary_needs_a_gateway_that_has_it(server: FilesServer) -> None:
    """Elsewhere the error says what to do."""
    with pytest.raises(UnsupportedSettingError, match="'dashscope' has"):
        files_at(server, gateway="dashscope-intl").upload_temporary(
            b"x", model="qwen3.6-plus", filename="a.png"
        )


# Settings


def test_files_choose_the_gateway_as_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment is enough."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-0123456789")
    call = QwenFiles()._upload_request(b"x", "batch", "a.jsonl")
    assert call.path == "files"
    with pytest.raises(MissingKeyError, match="OPENROUTER_API_KEY"):
        QwenFiles(gateway="openrouter")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        pytest.param({"apikey": "x"}, TypeError, "api_key", id="a misspelt name"),
        pytest.param({"temperature": 1}, TypeError, "temperature", id="a model's setting"),
        pytest.param({"api_key": "two words"}, UnsupportedSettingError, "white space", id="key"),
        pytest.param({"gateway": "dashscop"}, UnsupportedSettingError, "dashscope", id="gateway"),
        pytest.param({"timeout": "soon"}, UnsupportedSettingError, "timeout", id="timeout"),
        pytest.param(
            {"default_headers": {"x": "é"}}, UnsupportedSettingError, "'x'", id="a header"
        ),
    ],
)
def test_wrong_settings_are_refused_at_construction(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The error names the fix."""
    with pytest.raises(error, match=message):
        QwenFiles(**{"gateway": "dashscope", "api_key": "sk-0123456789"} | settings)


def test_a_wrong_key_is_an_authentication_error(server: FilesServer, mode: Mode) -> None:
    """The gateway's refusal is read as everywhere, and the key is in none of its texts."""
    files = files_at(server, api_key="sk-wrong-0123456789")
    with pytest.raises(AuthenticationError, match="Incorrect API key") as caught:
        called(mode, files, "get", "file-1")
    assert "sk-wrong" not in str(caught.value)
    assert "sk-wrong" not in repr(files)


def test_content_block() -> None:
    """A file goes into a message as a block."""
    assert UploadedFile(id="file-fe-1").content_block == {"type": "file", "file_id": "file-fe-1"}


def test_a_key_set_later_is_hidden_too() -> None:
    """An assigned key is checked as a given one, and shown nowhere."""
    files = QwenFiles(gateway="dashscope", api_key="sk-0123456789")
    files.api_key = "sk-9876543210"
    assert "sk-" not in repr(files)
