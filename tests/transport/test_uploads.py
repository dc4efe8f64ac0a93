"""A request whose body is read while it is sent: sync and async, over our own connections."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
from fault_calls import call_to
from fault_server import FaultServer, Wire, whole

from langchain_qwen36._response.payload import HTTPBody, ResponseContext, parse_object
from langchain_qwen36._transport import ApiCall, Timeouts, no_waiting
from langchain_qwen36._transport.http import CallTimeouts, connections
from langchain_qwen36._transport.http.upload import FilePart, UploadBody
from langchain_qwen36._transport.request import asend, send
from langchain_qwen36.errors import GatewayTimeoutError, InvalidRequestError, ServerError

if TYPE_CHECKING:
    from modes import Mode

PATIENT = Timeouts(connect=60, first_event=60, gap=60, pool=60)
SIZE = 3 * 2**20
TAKEN = whole(200, {"id": "file-1"})


def form(content: bytes = b"x" * SIZE) -> UploadBody:
    """Return a form with a file of a few pieces."""
    file = FilePart(source=content, size=len(content), filename="a.txt")
    return UploadBody({"purpose": "batch"}, file)


def upload_to(url: str, body: UploadBody, **changes: Any) -> ApiCall:
    """Return the call that sends a form."""
    headers = {"content-type": body.content_type}
    target = {"headers": headers, **changes.pop("target", {})}
    return call_to(
        url, body=body, is_stream=False, target=target, **({"timeouts": PATIENT} | changes)
    )


def sent(mode: Mode, call: ApiCall) -> dict[str, Any]:
    """Send it, sync or async."""

    def parse(context: ResponseContext, body: HTTPBody) -> dict[str, Any]:
        return parse_object(context, body)

    return send(call, parse) if mode == "sync" else asyncio.run(asend(call, parse))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_an_upload_arrives_whole(mode: Mode, tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte of the form arrives, with its length, also over TLS."""
    body = form(bytes(range(256)) * 4096 * 3)
    context = None
    if tls:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        client = ssl.create_default_context()
        authority.configure_trust(client)
        monkeypatch.setattr(connections, "_ssl_context", lambda: client)
    with FaultServer(TAKEN, tls=context) as server:
        assert sent(mode, upload_to(server.url, body)) == {"id": "file-1"}
        (seen,) = server.requests
    assert seen.body == b"".join(body)
    assert seen.headers["content-length"] == str(len(body))
    assert seen.headers["content-type"] == body.content_type
    assert "transfer-encoding" not in seen.headers


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_an_upload_over_a_users_own_client(asynchronous: bool) -> None:
    """Httpx's clients send the same form, with its length."""
    body = form()
    with FaultServer(TAKEN) as server:
        if asynchronous:

            async def call() -> Any:
                async with httpx.AsyncClient() as client:
                    target = {"http_async_client": client}
                    return await asend(
                        upload_to(server.url, body, target=target),
                        parse_object,
                    )

            assert asyncio.run(call()) == {"id": "file-1"}
        else:
            with httpx.Client() as client:
                call_ = upload_to(server.url, body, target={"http_client": client})
                assert sent("sync", call_) == {"id": "file-1"}
        (seen,) = server.requests
    assert seen.body == b"".join(body)
    assert seen.headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in seen.headers


def test_a_refusal_before_the_end_is_read(mode: Mode) -> None:
    """A server may answer 413 and read no more: its reason is the error, and nothing hangs."""
    released = threading.Event()

    def refuse(wire: Wire) -> None:
        whole(413, {"error": {"message": "too large"}})(wire)
        released.wait(30)  # keeps the connection, and reads nothing

    with _EarlyServer(refuse) as server:
        try:
            with pytest.raises(InvalidRequestError, match="too large"):
                sent(mode, upload_to(server.url, form(b"x" * (64 * 2**20))))
        finally:
            released.set()


def test_a_connection_with_half_an_upload_is_not_used_again(mode: Mode) -> None:
    """What is left of a refused upload would be read as the next request."""
    calls = [form(b"x" * (16 * 2**20)), form(b"y")]

    async def both(url: str) -> list[Any]:
        return [await _result(asend(upload_to(url, body), parse_object)) for body in calls]

    def refuse(wire: Wire) -> None:
        whole(413, {"error": {"message": "too large"}})(wire)

    with _EarlyServer(refuse) as server:
        if mode == "async":
            found = asyncio.run(both(server.url))
        else:
            found = [
                _caught(lambda body=body: sent("sync", upload_to(server.url, body)))
                for body in calls
            ]
        assert [type(error) for error in found] == [InvalidRequestError] * 2
        assert server.connections == 2


async def _result(call: Any) -> Any:
    try:
        return await call
    except InvalidRequestError as error:
        return error


def _caught(call: Any) -> Any:
    try:
        return call()
    except InvalidRequestError as error:
        return error


class _EarlyServer(FaultServer):
    """Answers as soon as it has the head of a request."""

    def _read_request(self, sock: Any) -> Wire | None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(1024)
            if not more:
                return None
            data += more
        return Wire(sock, data.partition(b"\r\n\r\n")[0].decode(), b"", self._stop)


def test_a_peer_that_takes_no_more_runs_into_the_clock(mode: Mode) -> None:
    """An upload to a server that stands still ends by `first_event`."""
    with _EarlyServer(lambda wire: wire.wait(30)) as server:
        call = upload_to(
            server.url,
            form(b"x" * (64 * 2**20)),
            timeouts=Timeouts(connect=60, first_event=0.3, gap=60, pool=60),
            max_retries=0,
        )
        with pytest.raises(GatewayTimeoutError) as caught:
            sent(mode, call)
    assert caught.value.clock == "first_event"


def test_a_slow_upload_is_no_stalled_one(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock starts anew with every piece that the peer takes."""
    restarted: list[int] = []
    restart = CallTimeouts.restart
    monkeypatch.setattr(
        CallTimeouts, "restart", lambda clock: (restarted.append(1), restart(clock))[1]
    )
    with FaultServer(TAKEN) as server:
        sent(mode, upload_to(server.url, form()))
    assert len(restarted) >= SIZE // (256 * 1024)


def test_an_upload_is_retried_from_its_first_byte(mode: Mode) -> None:
    """An attempt that failed is followed by a whole one."""
    body = form()
    failing = whole(503, {"error": {"message": "overloaded"}})
    with FaultServer(failing, TAKEN) as server, no_waiting():
        assert sent(mode, upload_to(server.url, body)) == {"id": "file-1"}
        assert [wire.body for wire in server.requests] == [b"".join(body)] * 2


def test_an_upload_over_a_kept_connection_that_died(mode: Mode) -> None:
    """A kept connection that the server closed is replaced, and the upload begins anew."""
    body = form()

    def close(wire: Wire) -> None:
        TAKEN(wire)
        wire.fin()

    async def twice(url: str) -> list[Any]:
        return [await asend(upload_to(url, body), parse_object) for _ in range(2)]

    with FaultServer(close, TAKEN) as server:
        if mode == "async":
            found = asyncio.run(twice(server.url))
        else:
            found = [sent("sync", upload_to(server.url, body)) for _ in range(2)]
        assert found == [{"id": "file-1"}] * 2
        assert [wire.body for wire in server.requests] == [b"".join(body)] * 2


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_request_without_a_body(mode: Mode, method: str) -> None:
    """A look-up sends its method, and neither a body nor the headers of one."""
    with FaultServer(TAKEN) as server:
        call = call_to(server.url, body=b"", is_stream=False, target={"method": method})
        assert sent(mode, call) == {"id": "file-1"}
        (seen,) = server.requests
    assert seen.head.split(" ")[0] == method
    assert not {"content-type", "content-length", "transfer-encoding"} & set(seen.headers)


def test_no_attempt_follows_where_none_is_allowed(mode: Mode) -> None:
    """`max_retries=0` sends a request once, as for what must not be done twice."""
    with FaultServer(whole(503, {"error": {"message": "overloaded"}})) as server:
        with pytest.raises(ServerError):
            sent(mode, upload_to(server.url, form(b"x"), max_retries=0))
        assert len(server.requests) == 1


def test_a_files_name_need_not_be_utf_8(mode: Mode) -> None:
    """Python reads such a byte of a name as half a surrogate pair; it is sent as a mark."""
    file = FilePart(source=b"x", size=1, filename="caf\udce9.txt")
    body = UploadBody({"purpose": "batch"}, file)
    with FaultServer(TAKEN) as server:
        assert sent(mode, upload_to(server.url, body)) == {"id": "file-1"}
        (seen,) = server.requests
    assert b'filename="caf?.txt"' in seen.body
    assert len(seen.body) == len(body)
