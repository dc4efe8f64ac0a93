"""The HTTP side: a real socket, keep-alive, chunked streams, scripted trouble."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from langchain_qwen36.gateways import GATEWAYS, Gateway
from loopback import answers, retrieval
from loopback.brain import Reply, answer
from loopback.dialects import dialect_of
from loopback.files import FilesApi, Seen, read_form
from loopback.rules import refusal_of
from loopback.turn import Refusal, Turn, turn_of
from loopback.usage import PromptCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

KEY = "loopback-key"


@dataclass(frozen=True, slots=True)
class Captured:
    """One request as it came, and the status it got."""

    path: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: dict[str, Any]
    status: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Raw:
    """Bytes that a test wants on the wire whatever the request was."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | dict[str, Any] = b""
    """The body of an answer without a stream."""
    events: Iterable[str | dict[str, Any]] | None = None
    """A stream: payloads of `data:` lines, or whole lines where the text starts with a colon."""
    end: Literal["done", "eof", "cut"] = "done"
    """`done`: `[DONE]`; `eof`: without it; `cut`: the connection closes in the middle."""


Scripted = Reply | Refusal | Raw


class LoopbackGateway:
    """A gateway of `row`, served while the context lasts.

    Args:
        row: A row of `GATEWAYS` or its name, or a `Gateway(...)` of the test's own.
        key: The only key that is taken. None: `loopback-key` where the row needs a key, any
            elsewhere.
        chunk_delay: Seconds between the chunks of a stream.
    """

    def __init__(
        self, row: Gateway | str = "dashscope", *, key: str | None = None, chunk_delay: float = 0
    ) -> None:
        self.row = GATEWAYS[row] if isinstance(row, str) else row
        self.key = key or KEY
        self.chunk_delay = chunk_delay
        self.requests: list[Captured] = []
        """What came, refused requests included, in order."""
        self.files = FilesApi(self.key)
        """Its `/files`."""
        self._checks_key = self.row.needs_key or key is not None
        self._path = urlsplit(self.row.base_url or "/v1").path
        if self.row.base_url is None and self.row.thinking == "enable_thinking":
            self._path = "/compatible-mode/v1"
        self._dialect = dialect_of(self.row.name)
        self._script: deque[Scripted] = deque()
        self._cache = PromptCache()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = LoopbackServer(self._respond, self._respond_of_files, self.chunk_delay)
        self.files.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """Ends as the row's own base URL does."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The JSON bodies that came, in order."""
        return [request.body for request in self.requests]

    def script(self, *scripted: Scripted) -> None:
        """Answer the next requests with these, in order.

        `Raw` and `Refusal` are answered whatever came; a `Reply` only takes the model's place,
        behind the rules.
        """
        self._script.extend(scripted)

    def _respond(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> _Answer:
        with self._lock:
            number = len(self.requests) + 1
            found = self._decide(path, headers, body, number)
            self.requests.append(Captured(path, headers, body, found.status))
            return found

    def _respond_of_files(self, seen: Seen) -> _Answer:
        with self._lock:
            status, body = self.files.respond(seen)
        data = json.dumps(body).encode() if isinstance(body, dict) else body or b""
        return _Answer(status, {}, data)

    def _decide(
        self, path: str, headers: Mapping[str, str], body: dict[str, Any], number: int
    ) -> _Answer:
        door = self._at_the_door(path, headers)
        scripted = self._script.popleft() if self._script and door is None else None
        if isinstance(scripted, Raw):
            return _raw(scripted)
        if door is None and (other := self._retrieval(path)) is not None:
            status, answered = other(body, number)
            return _Answer(status, {}, json.dumps(answered).encode())
        decided = scripted if isinstance(scripted, Refusal) else door
        turn = decided or turn_of(self.row, body, number)
        refusal = turn if isinstance(turn, Refusal) else refusal_of(turn)
        if refusal is None:
            return self._answer(turn, [scripted] if scripted else answer(turn))
        shown = answers.envelope(self._dialect, refusal, number, path)
        headers = answers.headers(self._dialect, number) | dict(refusal.headers)
        return _Answer(refusal.status, headers, json.dumps(shown).encode())

    def _at_the_door(self, path: str, headers: Mapping[str, str]) -> Refusal | None:
        known = path.partition("?")[0] == f"{self._path}/chat/completions"
        if not known and self._retrieval(path) is None:
            return Refusal(404, f"No such path: {path}", None, own=True)
        if self._checks_key and headers.get("authorization") != f"Bearer {self.key}":
            text = "Incorrect API key provided. "
            return Refusal(401, text, "invalid_api_key", "authentication_error", own=True)
        return None

    def _retrieval(self, path: str) -> Callable[[dict[str, Any], int], retrieval.Answer] | None:
        """Return what answers embeddings and rerank; None where the path is another."""
        ours = {
            f"{self._path}/embeddings": retrieval.embeddings,
            f"{self._path}/rerank": retrieval.rerank,
            f"{self._path}/v1/rerank": retrieval.rerank,
            "/api/v1/services/rerank/text-rerank/text-rerank": retrieval.native_rerank,
        }
        return ours.get(path.partition("?")[0])

    def _answer(self, turn: Turn, replies: list[Reply]) -> _Answer:
        count = self._cache.count(turn, replies)
        headers = answers.headers(turn.dialect, turn.number)
        if not turn.stream:
            headers |= answers.money_headers(turn, count)
            body = answers.one_shot(turn, replies, count)
            return _Answer(200, headers, json.dumps(body, ensure_ascii=False).encode())
        events = [_event(chunk) for chunk in answers.chunks(turn, replies, count)]
        if turn.dialect.comments:
            events[0:0] = [b": OPENROUTER PROCESSING\n\n"] * 2
            events[-1:-1] = [b": OPENROUTER PROCESSING\n\n"]
        if turn.dialect.done:
            events.append(b"data: [DONE]\n\n")
        return _Answer(200, headers, events=events)


@dataclass(slots=True)
class _Answer:
    """What goes out: a body, or events that go out one by one."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    events: Iterable[bytes] | None = None
    cut: bool = False


def _raw(raw: Raw) -> _Answer:
    if raw.events is not None:
        done = [b"data: [DONE]\n\n"] if raw.end == "done" else []
        events = [*map(_event, raw.events), *done]
        return _Answer(raw.status, raw.headers, events=events, cut=raw.end == "cut")
    body = json.dumps(raw.body) if isinstance(raw.body, dict) else raw.body
    body = body.encode() if isinstance(body, str) else body
    return _Answer(raw.status, raw.headers, body, cut=raw.end == "cut")


def _event(payload: str | dict[str, Any]) -> bytes:
    if isinstance(payload, dict):
        payload = json.dumps(payload, ensure_ascii=False)
    line = payload if payload.startswith(":") else f"data: {payload}"
    return f"{line}\n\n".encode()


class LoopbackServer(ThreadingHTTPServer):
    """One thread for each connection; closing ends them all."""

    daemon_threads = False  # server_close then waits for the connections' threads
    request_queue_size = 1024

    def __init__(
        self,
        respond: Callable[..., Any],
        respond_of_files: Callable[[Seen], _Answer] | None = None,
        delay: float = 0,
        handler: type[BaseHTTPRequestHandler] | None = None,
    ) -> None:
        self.respond = respond
        self.respond_of_files = respond_of_files
        self.delay = delay
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), handler or _Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name that `HTTPServer` does."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a connection, to end it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, except that a client left."""
        if not (self.closing.is_set() or isinstance(sys.exception(), ConnectionError)):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End all connections."""
        self.closing.set()
        self.shutdown()
        for request in list(self._open):
            with contextlib.suppress(OSError):  # the client has gone just now
                request.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # small events would wait 40 ms for an acknowledgement
    server: LoopbackServer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-type", "").startswith("multipart/"):
            self._send_of_files(headers, read_form(headers["content-type"], raw))
        else:
            self._send(self.server.respond(self.path, headers, json.loads(raw)))

    def do_GET(self) -> None:
        self._send_of_files({name.lower(): value for name, value in self.headers.items()}, {})

    do_DELETE = do_GET  # noqa: N815  # the base class calls it

    def _send_of_files(self, headers: Mapping[str, str], form: dict[str, bytes]) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        seen = Seen(self.command, url.path, query, headers, form)
        self._send(self.server.respond_of_files(seen))

    def _send(self, answer: _Answer) -> None:
        self.close_connection = self.close_connection or answer.cut
        try:
            if answer.events is None:
                self._send_body(answer)
            else:
                self._send_events(answer)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send_body(self, answer: _Answer) -> None:
        kind = {"content-type": "application/json"}
        self._head(answer, kind | {"content-length": str(len(answer.body))})
        self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)

    def _send_events(self, answer: _Answer) -> None:
        kind = {"content-type": "text/event-stream;charset=UTF-8", "cache-control": "no-cache"}
        self._head(answer, kind | {"transfer-encoding": "chunked"})
        for event in answer.events or ():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            if self.server.delay and self.server.closing.wait(self.server.delay):
                return
        if not answer.cut:
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, answer: _Answer, headers: Mapping[str, str]) -> None:
        self.send_response(answer.status)
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: tests read `requests`."""
