"""Start a real server on a free loopback port, wait for it, show its log where it fails, end it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

API_KEY = "sk-scripted"
START_SECONDS = 420.0
"""vLLM needs one to three minutes on two busy cores."""
_LOG_LINES = 60


@dataclass(frozen=True)
class RunningServer:
    """A server that answers at `base_url`."""

    base_url: str
    log: Path

    def log_tail(self) -> str:
        """Return the last lines that the server wrote."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Run a server's command in a process group of its own; end the group afterwards.

    Raises:
        RuntimeError: the process ended, or did not answer in time; with the end of its log.
    """
    server = RunningServer(f"http://127.0.0.1:{port}/v1", log)
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        with _ended_with_us(process.pid):
            _wait_until_ready(server, process)
            yield server
    finally:
        _end(process)


@contextmanager
def _ended_with_us(group: int) -> Iterator[None]:
    """Let a shell end a process group where the tests are killed, which closes the shell's input.

    A signal at the death of the parent is not enough: vLLM ignores SIGTERM while it starts.
    """
    command = ["sh", "-c", f"read line || kill -s KILL -- -{group}"]
    shell = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
    try:
        yield
    finally:
        shell.communicate(b"the tests end it\n")


def _wait_until_ready(server: RunningServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}:\n{server.log_tail()}")
        try:
            headers = {"Authorization": f"Bearer {API_KEY}"}
            if httpx.get(f"{server.base_url}/models", headers=headers, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise RuntimeError(f"no answer within {START_SECONDS:.0f} s:\n{server.log_tail()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for signal_, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, signal_)
            process.wait(seconds)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    if process.poll() is None:
        process.kill()
