"""Proxies: calls through them are as safe, as clocked and as fast to connect as direct ones."""

from __future__ import annotations

import json
import socket
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import fault_calls
import pytest
from answers import USAGE, completion
from fault_calls import ANSWER
from fault_server import FaultServer, Wire, head
from tunnel_proxy import TunnelProxy

from langchain_qwen36._transport import Timeouts
from langchain_qwen36._transport.http import connecting
from langchain_qwen36._transport.http.tunnels import Proxy
from langchain_qwen36.errors import CertificateError, GatewayConnectionError, GatewayTimeoutError

if TYPE_CHECKING:
    import ssl

    from modes import Mode

PATIENT = Timeouts(connect=30, first_event=50, gap=50, pool=50)
"""No clock decides here, on however busy a machine."""
posted_to = partial(fault_calls.posted_to, timeouts=PATIENT, max_retries=0)
KINDS = ["http", "https", "socks5"]


def port_of(server: FaultServer) -> int:
    """Return the port that a server listens on."""
    return urlsplit(server.url).port or 0


def answer(text: str) -> bytes:
    """Return a whole response."""
    body = json.dumps(completion({"content": text}, usage=USAGE)).encode()
    return head(200, content_type="application/json", content_length=str(len(body))) + body


def text_of(outcome: Any) -> Any:
    """Return the answer's text, or the error."""
    return outcome.message.text if outcome.message else outcome.error


def two_answers(wire: Wire) -> None:
    """Send somebody else's response behind the one that was asked for."""
    wire.send(answer("mine") + answer("somebody else's"))


def test_a_response_behind_another_one_reaches_no_caller_through_a_proxy(mode: Mode) -> None:
    """Plain requests to a proxy share its connections by the same rules as direct ones."""
    with FaultServer(two_answers) as proxy:
        url = "http://gateway.internal/v1/chat/completions"
        target = {"proxy": proxy.url.partition("/v1")[0]}
        texts = [text_of(posted_to(mode, url, target=target)) for _ in range(4)]
        assert (texts, proxy.connections) == (["mine"] * 4, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_response_behind_another_one_reaches_no_caller_through_a_tunnel(
    mode: Mode, kind: str, tls: ssl.SSLContext
) -> None:
    """Tunnels are looked at before each request, however they were dug."""
    with (
        FaultServer(two_answers, tls=tls) as server,
        TunnelProxy(kind, port_of(server), tls=tls if kind == "https" else None) as proxy,
    ):
        target = {"proxy": proxy.url}
        texts = [text_of(posted_to(mode, server.url, target=target)) for _ in range(3)]
        assert (texts, server.connections) == (["mine"] * 3, 3)


@pytest.mark.parametrize("pieces", [False, True], ids=["at-once", "byte-by-byte"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_tunnel_is_dug_once_and_kept(
    mode: Mode, kind: str, pieces: bool, tls: ssl.SSLContext
) -> None:
    """Five calls share one tunnel, whose proxy learns the gateway's host, port and login."""
    with (
        FaultServer(ANSWER, tls=tls) as server,
        TunnelProxy(
            kind, port_of(server), tls=tls if kind == "https" else None, pieces=pieces
        ) as proxy,
    ):
        target = {"proxy": proxy.url}
        texts = [text_of(posted_to(mode, server.url, target=target)) for _ in range(5)]
        assert (texts, proxy.connections) == (["Hello"] * 5, 1)
        port = port_of(server)
        if kind == "socks5":
            assert proxy.requests == [socket.inet_aton("127.0.0.1") + port.to_bytes(2, "big")]
        else:
            (request,) = proxy.requests
            assert request.startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % port)
            assert b"\r\nProxy-Authorization: Basic bWU6cGE6c3M=\r\n" in request


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "megabytes", [2, pytest.param(20, marks=pytest.mark.long)], ids=lambda size: f"{size} MB"
)
def test_a_large_request_goes_through_tls_in_tls(
    mode: Mode, tls: ssl.SSLContext, megabytes: int
) -> None:
    """A large body arrives whole at an https:// gateway behind an https:// proxy."""
    body = b'{"x":"' + b"x" * megabytes * 1_000_000 + b'"}'
    with (
        FaultServer(ANSWER, tls=tls) as server,
        TunnelProxy("https", port_of(server), tls=tls) as proxy,
    ):
        patient = Timeouts(connect=60, first_event=250)
        outcome = posted_to(
            mode, server.url, target={"proxy": proxy.url}, body=body, timeouts=patient
        )
        assert text_of(outcome) == "Hello"
        assert server.requests[0].body == body


def test_a_name_is_resolved_by_the_socks_proxy(mode: Mode) -> None:
    """The gateway's name goes to the proxy as it is, and the login with it."""
    with (
        FaultServer(ANSWER) as server,
        TunnelProxy("socks5h", port_of(server), login=True) as proxy,
    ):
        url = "http://gateway.invalid:8080/v1/chat/completions"
        outcome = posted_to(mode, url, target={"proxy": proxy.url, "headers": {}})
        assert text_of(outcome) == "Hello"
        assert proxy.requests == [b"gateway.invalid" + (8080).to_bytes(2, "big")]
        assert server.requests[0].head.startswith("POST /v1/chat/completions HTTP/1.1")


@pytest.mark.parametrize(
    ("kind", "reply", "named"),
    [
        ("http", b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", "407 Who"),
        ("http", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK", "bytes behind"),
        ("http", b"SSH-2.0-OpenSSH\r\n\r\n", "HTTP"),
        ("http", b"HTTP/1.1 200", "disconnected"),
        ("socks5", b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", "SOCKS 5 reply 5"),
        ("socks5", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00more", "bytes behind"),
        ("socks5", b"\x05\x00", "closed"),
    ],
    ids=["407", "surplus", "no-http", "cut", "refused", "socks-surplus", "socks-cut"],
)
def test_a_proxy_that_digs_no_tunnel_is_a_connection_error(
    mode: Mode, kind: str, reply: bytes, named: str
) -> None:
    """The error says what the proxy did; nothing goes to the gateway."""
    with (
        FaultServer(ANSWER) as server,
        TunnelProxy(kind, port_of(server), reply=reply) as proxy,
    ):
        url = "https://gateway.invalid/v1/chat/completions"
        outcome = posted_to(mode, url, target={"proxy": proxy.url})
        assert type(outcome.error) is GatewayConnectionError
        assert named in str(outcome.error)
        assert server.connections == 0


def test_a_socks_proxy_that_refuses_the_login_is_asked_once(mode: Mode) -> None:
    """A wrong password does not become right by trying again."""
    with FaultServer(ANSWER) as server, TunnelProxy("socks5", port_of(server), login=True) as proxy:
        url = proxy.url.replace("pa%3Ass", "wrong-password")
        outcome = posted_to(mode, server.url, target={"proxy": url}, max_retries=2)
        assert isinstance(outcome.error, GatewayConnectionError)
        assert "user and password" in str(outcome.error)
        assert "wrong-password" not in str(outcome.error)
        assert proxy.connections == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_behind_a_proxy_needs_its_own_certificate(
    mode: Mode, kind: str, tls: ssl.SSLContext
) -> None:
    """The name that is checked is the gateway's, not the proxy's."""
    with (
        FaultServer(ANSWER, tls=tls) as server,
        TunnelProxy(kind, port_of(server), tls=tls if kind == "https" else None) as proxy,
    ):
        url = "https://gateway.invalid/v1/chat/completions"
        outcome = posted_to(mode, url, target={"proxy": proxy.url})
        assert isinstance(outcome.error, CertificateError)


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_stops_speaking_is_no_connection(mode: Mode, kind: str) -> None:
    """In whatever state it falls silent, `connect` is the clock."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = posted_to(
            mode,
            "https://gateway.invalid/v1/chat/completions",
            target={"proxy": f"{kind}://127.0.0.1:{silent.getsockname()[1]}"},
            timeouts=Timeouts(connect=0.3, first_event=60),
        )
    assert isinstance(outcome.error, GatewayTimeoutError)
    assert outcome.error.clock == "connect"


def test_the_addresses_of_a_proxy_are_tried_beside_each_other(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead first address costs a refusal, not the call."""
    with FaultServer(ANSWER) as proxy:
        found = [(2, 1, 6, "", ("127.0.0.1", 9)), (2, 1, 6, "", ("127.0.0.1", port_of(proxy)))]
        monkeypatch.setattr(connecting, "_resolve", lambda *_: found)
        url = "http://gateway.internal/v1/chat/completions"
        outcome = posted_to(mode, url, target={"proxy": f"http://proxy.internal:{port_of(proxy)}"})
    assert text_of(outcome) == "Hello"


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://proxy", 80),
        ("https://proxy", 443),
        ("socks5://proxy", 1080),
        ("socks5h://proxy:9", 9),
    ],
)
def test_a_proxy_has_the_default_port_of_its_scheme(url: str, port: int) -> None:
    """As httpx has it."""
    assert Proxy.of(url).port == port


def test_a_proxy_shows_no_login() -> None:
    """Neither its user nor its password stands in its repr, which crash reporters copy."""
    assert repr(Proxy.of("http://me:secret@host")) == "Proxy(scheme='http', host='host', port=80)"
