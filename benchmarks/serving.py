"""The servers of a measurement, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Route = Literal["tcp", "tls", "far"]
"""How a client reaches the server: bare, over TLS, or over TLS with 20 ms between them."""
Servers = dict[str, str]
"""The server's URL by `Route`."""


@contextmanager
def serving() -> Iterator[Servers]:
    """Run the server and the delaying proxy; gives their URLs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        _write_certificates(folder)
        stack.enter_context(_trusting(folder / "ca.pem"))
        tcp, tls = _start(stack, "benchmarks.server", [folder / "server.pem"])
        [far] = _start(stack, "benchmarks.delay", [tls])
        yield {
            "tcp": f"http://127.0.0.1:{tcp}",
            "tls": f"https://localhost:{tls}",
            "far": f"https://localhost:{far}",
        }


def _write_certificates(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")


@contextmanager
def _trusting(authority: Path) -> Iterator[None]:
    """Let every client of this machine trust the server, as a company's own CA is trusted."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(authority)
    try:
        yield
    finally:
        del os.environ["SSL_CERT_FILE"]
        if before is not None:
            os.environ["SSL_CERT_FILE"] = before


def _start(stack: ExitStack, module: str, arguments: Sequence[Any]) -> list[int]:
    """Start a server that prints its ports as a list in JSON."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(server.terminate)
    assert server.stdout
    ports: list[int] = json.loads(server.stdout.readline())
    return ports
