"""A server under test never outlives the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

# As vLLM while it starts: SIGTERM does nothing.
STUBBORN = """
import http.server, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Models(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {port}), Models).serve_forever()
"""
TESTS = """
import pathlib, sys, time
from server_process import free_port, running
port = free_port()
program = pathlib.Path(sys.argv[1]).read_text().replace("{port}", str(port))
with running([sys.executable, "-c", program], port, pathlib.Path(sys.argv[2])) as server:
    print(server.base_url, flush=True)
    time.sleep(60)
"""


def test_a_server_dies_with_the_tests(tmp_path: Path) -> None:
    """Where they are killed, the server is as well, though it takes no notice of SIGTERM."""
    (program := tmp_path / "server.py").write_text(STUBBORN, "utf-8")
    log = tmp_path / "log"
    command = [sys.executable, "-c", TESTS, str(program), str(log)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as tests:  # noqa: S603
        assert tests.stdout is not None
        port = int(tests.stdout.readline().rpartition(b":")[2].partition(b"/")[0])
        tests.send_signal(signal.SIGKILL)
    assert _listens_no_more(port)


def _listens_no_more(port: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return True
        time.sleep(0.05)
    return False
