"""Proxies: which one a request takes, which URLs are taken, and what becomes of their secrets."""

from __future__ import annotations

import base64
import importlib.util
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from fault_calls import ANSWER, KEY, posted, posted_to
from fault_server import FaultServer, Wire, whole

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._transport.proxies import bypasses_proxy, parse_proxy, proxy_for
from langchain_qwen36.errors import GatewayConnectionError, QwenError, UnsupportedSettingError

if TYPE_CHECKING:
    from modes import Mode

PASSWORD = "hidden-777-hidden"


NO_PROXY = [
    "", "*", "example.com", ".example.com", "*.example.com", "example.com:8443", "EXAMPLE.com",
    "a.com, example.com", "localhost", "127.0.0.1", "::1", "http://example.com",
    "https://example.com", "all://example.com", "all://*.example.com", "https://*example.com",
    "10.0.0.1", "ample.com", "api.example.com",
]  # fmt: skip
ORIGINS = [
    "http://example.com", "https://example.com", "https://example.com:8443", "https://api.example.com",
    "https://notexample.com", "http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000",
    "http://10.0.0.1", "http://x.localhost", "https://api.example.com.evil.net",
]  # fmt: skip


@pytest.mark.parametrize("no_proxy", NO_PROXY)
def test_no_proxy_is_read_as_httpx_reads_it(no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same origins go direct as with an `httpx.Client`."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with httpx.Client(verify=False) as client:  # noqa: S501, it asks nobody

        def is_direct(origin: str) -> bool:
            transport: Any = client._transport_for_url(httpx.URL(origin))
            return "Proxy" not in type(transport._pool).__name__

        expected = {origin: is_direct(origin) for origin in ORIGINS}
    assert {origin: proxy_for(origin) is None for origin in ORIGINS} == expected


def test_no_proxy_takes_an_ipv6_address_in_brackets() -> None:
    """An address may be written as it stands in a URL, with a port."""
    assert bypasses_proxy("http://[::1]:8000", "[::1]")
    assert bypasses_proxy("http://[::1]:8000", "[::1]:8000")
    assert not bypasses_proxy("http://[::1]:8000", "[::1]:9000")


def test_no_proxy_without_a_list_bypasses_nothing() -> None:
    """An empty `NO_PROXY` names no origin."""
    assert not bypasses_proxy("https://example.com", " , ")


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("127.0.0.1:3128", "http://127.0.0.1:3128"),
        ("proxy.corp", "http://proxy.corp"),
        ("me:pw@proxy.corp:3128", "http://me:pw@proxy.corp:3128"),
        ("https://proxy.corp:443", "https://proxy.corp:443"),
        ("socks5h://[::1]:1080", "socks5h://[::1]:1080"),
    ],
)
def test_a_proxy_without_a_scheme_is_taken(written: str, taken: str) -> None:
    """`host:port` works in `proxy=` as it does in `HTTP_PROXY`."""
    assert parse_proxy(written) == taken


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (f"foo://me:{PASSWORD}@127.0.0.1:1", "scheme 'foo'"),
        (f"http://me:{PASSWORD}@127.0.0.1:port", "http://user:password@host:port"),
        (f"http://me:{PASSWORD}@", "http://user:password@host:port"),
        ("http://", "http://user:password@host:port"),
    ],
)
def test_a_wrong_proxy_is_refused_when_the_model_is_made(wrong: str, named: str) -> None:
    """The error names what is wrong, and not the password; nor do our frames."""
    with pytest.raises(ValueError, match=named) as caught:
        ChatQwen36(gateway="dashscope", api_key="sk-0123456789", proxy=wrong)
    assert PASSWORD not in str(caught.value)
    assert leaking_frames(caught.value) == []


def test_a_socks_proxy_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `socksio` the error holds the pip line."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install 'langchain-qwen36\[socks\]'"):
        ChatQwen36(gateway="dashscope", api_key="sk-0123456789", proxy="socks5://127.0.0.1:1")


def test_a_wrong_proxy_of_the_environment_names_its_variable(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named, and its password is not."""
    monkeypatch.setenv("HTTP_PROXY", f"foo://me:{PASSWORD}@127.0.0.1:9")
    with FaultServer(ANSWER) as server:
        with pytest.raises(UnsupportedSettingError, match="`HTTP_PROXY` has the scheme") as caught:
            posted(mode, server)
        assert leaking_frames(caught.value) == []
        assert server.requests == []


def leaking_frames(error: BaseException | None) -> list[str]:
    """Name the locals of our frames that show the password, along all causes."""
    leaks = []
    while error is not None:
        for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
            if "langchain_qwen36" in frame.filename:
                values = (frame.locals or {}).items()
                leaks += [f"{frame.name}:{name}" for name, value in values if PASSWORD in value]
        error = error.__cause__ or error.__context__
    return leaks


def refusing(status: int) -> Any:
    """Return a proxy's script that refuses every tunnel."""

    def script(wire: Wire) -> None:
        wire.head_of(status, content_length="0")
        wire.fin()

    return script


@pytest.mark.parametrize(("status", "requests"), [(407, 1), (403, 1), (503, 3)])
def test_a_refused_tunnel_is_not_retried(mode: Mode, status: int, requests: int) -> None:
    """A proxy that wants another password is asked once; one that is overloaded, again."""
    with FaultServer(refusing(status)) as proxy:
        url = proxy.url.replace("http://", f"http://me:{PASSWORD}@").partition("/v1")[0]
        outcome = posted_through(mode, url)
        assert isinstance(outcome, GatewayConnectionError)
        assert len(proxy.requests) == requests
    assert str(status) in str(outcome)
    assert ("user and password" in str(outcome)) is (status == 407)
    assert PASSWORD not in str(outcome)


def posted_through(mode: Mode, proxy: str) -> QwenError | None:
    """Ask a gateway behind a proxy."""
    url = "https://gateway.invalid/v1/chat/completions"
    return posted_to(mode, url, target={"proxy": proxy}, max_retries=2).error


HEADER, QUERY = "header-key-0123456789", "query key/0123456789"


def echo(wire: Wire) -> None:
    """Quote the whole request in an error."""
    whole(400, {"error": {"message": f"you sent {wire.head}", "code": "x"}})(wire)


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        ({"default_headers": {"x-goog-api-key": HEADER}}, [HEADER]),
        ({"default_headers": {"cookie": f"theme=dark; session={HEADER}"}}, [HEADER]),
        ({"default_headers": {"authorization": f"Basic {HEADER}"}}, [HEADER]),
        ({"default_query": {"api-key": HEADER}}, [HEADER]),
        ({"default_query": {"api-key": QUERY}}, [QUERY, "query+key%2F0123456789"]),
    ],
    ids=["header", "cookie", "basic", "query", "encoded-query"],
)
def test_what_a_gateway_echoes_of_a_request_is_redacted(
    settings: dict[str, Any], secrets: list[str]
) -> None:
    """Whatever header or query parameter holds the key, an error does not quote it."""
    with FaultServer(echo) as server:
        model = ChatQwen36(
            gateway="dashscope",
            base_url=server.url.removesuffix("/chat/completions"),
            api_key="sk-0123456789",
            max_retries=0,
            **settings,
        )
        with pytest.raises(QwenError) as caught:
            model.invoke("Hi")
    shown = f"{caught.value} {vars(caught.value)}"
    assert "[key]" in shown
    assert [secret for secret in secrets if secret in shown] == []


def test_the_frames_of_a_redirect_hold_no_query_key() -> None:
    """A redirect to another host that repeats the query shows it nowhere."""

    def away(wire: Wire) -> None:
        wire.head_of(307, location=f"http://elsewhere.invalid/?k={PASSWORD}", content_length="0")

    with FaultServer(away) as server:
        model = ChatQwen36(
            gateway="dashscope",
            base_url=server.url.removesuffix("/chat/completions"),
            api_key="sk-0123456789",
            default_query={"k": PASSWORD},
        )
        with pytest.raises(QwenError) as caught:
            model.invoke("Hi")
    assert PASSWORD not in str(caught.value)
    assert leaking_frames(caught.value) == []


def test_a_wrong_setting_shows_no_other_setting() -> None:
    """The error of one setting quotes neither the key nor the proxy, nor do our frames."""
    with pytest.raises(ValueError, match="max_retries") as caught:
        ChatQwen36(
            gateway="dashscope",
            api_key=PASSWORD,
            proxy=f"http://me:{PASSWORD}@host:1",
            default_headers={"x": PASSWORD},
            max_retries=-1,
        )
    assert PASSWORD not in str(caught.value)
    assert leaking_frames(caught.value) == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", None])
@pytest.mark.parametrize(
    "written",
    [f"me:{PASSWORD}", "me:plus+word+0123", "me:p%40ss%3Aword0123", "token-0123456789"],
    ids=["a password", "a plus", "encoded", "a token alone"],
)
def test_what_a_proxy_echoes_of_its_login_is_redacted(
    mode: Mode, variable: str | None, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login is a secret, whether the setting or the environment names the proxy."""
    user, _, password = written.partition(":")
    login = base64.b64encode(f"{user}:{unquote(password)}".encode()).decode()
    with FaultServer(echo) as proxy:
        parts = urlsplit(proxy.url)
        address = f"http://{written}@{parts.netloc}"
        url = f"http://behind-{parts.port}.lan/v1/chat/completions"  # of no other test's pool
        if variable is None:
            outcome = posted_to(mode, url, target={"proxy": address}, max_retries=0)
        else:
            monkeypatch.setenv(variable, address)
            outcome = posted_to(mode, url, max_retries=0)
        assert login in proxy.requests[0].head
    shown = f"{outcome.error} {vars(outcome.error)}"
    assert "you sent" in shown
    assert login not in shown


def test_a_socks_login_that_is_too_long_is_refused_when_the_model_is_made() -> None:
    """SOCKS 5 writes a length of one byte before a user and a password."""
    assert parse_proxy(f"socks5://me:{'p' * 255}@proxy.corp")
    assert parse_proxy(f"http://me:{'p' * 300}@proxy.corp")
    for login in ("p" * 256 + ":pw", "me:" + "%C3%A9" * 128):
        with pytest.raises(UnsupportedSettingError, match="255 bytes"):
            parse_proxy(f"socks5://{login}@proxy.corp")


@pytest.mark.parametrize("status", [400, 200])
def test_a_request_id_that_repeats_the_key_is_redacted(mode: Mode, status: int) -> None:
    """A header of an error stands in its message and in the log, as its body does."""
    script = whole(status, {"error": {"message": "No.", "code": "x"}}, x_request_id=f"r-{KEY}")
    with FaultServer(script) as server:
        outcome = posted(mode, server, max_retries=0)
    assert KEY not in f"{outcome.error} {vars(outcome.error)}"
    assert outcome.error is not None
    assert outcome.error.request_id == "r-[key]"


def test_no_proxy_with_a_port_that_is_none_bypasses_nothing() -> None:
    """Digits without end are no port, and no error."""
    assert not bypasses_proxy("http://example.com", f"other.com:{'9' * 5000}")
