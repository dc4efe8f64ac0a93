"""Model Studio's `/files` on a loopback socket: `loopback.files` says what it answers."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from loopback.files import FilesApi, Seen, read_form

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "files-key-0123456789"


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, except that a client left in the middle."""
        if not isinstance(sys.exception(), ConnectionError | ValueError):
            super().handle_error(request, client_address)


class FilesServer(FilesApi):
    """A server while the context lasts; its arguments are those of `FilesApi`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(KEY, **options)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """Return the URL of the compatible API."""
        return f"{self.origin}/compatible-mode/v1"


def _handler(server: FilesServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            form = read_form(headers["content-type"], raw) if raw else {}
            status, body = server.respond(Seen(self.command, url.path, query, headers, form))
            self._send(status, body)

        do_POST = do_DELETE = do_GET  # noqa: N815  # the base class calls these

        def _send(self, status: int, body: dict[str, Any] | bytes | None) -> None:
            data = json.dumps(body).encode() if isinstance(body, dict) else body or b""
            self.send_response(status)
            self.send_header("x-request-id", "2f2e1a67-e94c-4a00-8e86-6d51d94a8f75")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            cut, server.chunk = (server.chunk, None) if isinstance(body, bytes) else (None, None)
            self.close_connection = cut is not None
            self.wfile.write(data[:cut])

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing: tests read `requests`."""

    return Handler
