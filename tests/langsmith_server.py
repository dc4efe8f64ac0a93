"""LangSmith on loopback: what its client posts of a traced call."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

import orjson
from langchain_core.tracers.context import tracing_v2_enabled
from langsmith import Client

if TYPE_CHECKING:
    from collections.abc import Callable


class _Handler(BaseHTTPRequestHandler):
    """Takes everything and keeps the bodies."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        """Keep what is posted."""
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def do_GET(self) -> None:
        """Say yes to anything; an empty `/info` leaves the client at its defaults."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        """Be quiet."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, except that a client left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class LangSmith:
    """`with LangSmith() as langsmith: run = langsmith.traced(call)`.

    Bodies can only be read with `LANGSMITH_DISABLE_RUN_COMPRESSION` set to `true`.
    """

    def __enter__(self) -> Self:
        self.bodies: list[bytes] = []
        handler = type("Handler", (_Handler,), {"bodies": self.bodies})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        url = f"http://127.0.0.1:{self._server.server_port}"
        self._client = Client(api_url=url, api_key="a-test-key")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.cleanup()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def traced(self, call: Callable[[], object]) -> dict[str, Any]:
        """Make a call, and give the model's run as it was posted."""
        with tracing_v2_enabled(client=self._client):
            call()
        self._client.flush()
        return self._llm_run()

    def _llm_run(self) -> dict[str, Any]:
        """Return the model's run out of the multipart bodies.

        A later part replaces an earlier one.
        """
        runs: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for body in self.bodies:
            for part in body.split(b"\r\nContent-Disposition: form-data; ")[1:]:
                head, _, rest = part.partition(b"\r\n\r\n")
                run_id, field = re.search(rb'name="[a-z]+\.([^."]+)\.?([a-z]*)"', head).groups()
                value = orjson.loads(rest.partition(b"\r\n--")[0])
                runs[run_id] |= {field.decode(): value} if field else value
        return next(run for run in runs.values() if run["run_type"] == "llm")
