"""Run the engine's process from its parent's side: start, handshake, log, end."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO, Any

from langchain_qwen36.errors import EngineError

__all__ = ["EngineProcess"]

_SERVER = Path(__file__).with_name("server.py")
_LOG_TAIL = 2000


class EngineProcess:
    """A process that runs `server.py`; it ends with `end()`, with its owner and at exit."""

    def __init__(self, owner: object) -> None:
        log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process runs
        self._log: IO[bytes] = log
        self._process = process = subprocess.Popen(  # noqa: S603
            # -P: its folder stays off sys.path, or the modules there would shadow others.
            [sys.executable, "-P", str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # On an abort llama.cpp would call gdb for a backtrace: seconds, and pages of log.
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
            text=True,
        )
        self.end = weakref.finalize(owner, _end, process, log)
        """Kill the process and close its files, once; garbage collection and exit do the same."""

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the process runs."""
        return self._process.poll()

    def ended(self, within: float) -> int | None:
        """Wait for the process to end; return its exit code, or None after `within` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(within)
        return None

    def handshake(self, settings: dict[str, Any], timeout: float) -> str:
        """Send the settings; return the server's address once its model answers.

        Raises:
            EngineError: The process ended, or `timeout` seconds went by; with the tail of its log.
        """
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(timeout, stop)
        timer.start()
        try:
            address = self._exchange(json.dumps(settings) + "\n")
            code = None if address else self._process.wait()  # it may hang as it ends
        finally:
            timer.cancel()
            timer.join()  # a fork after this has no thread of ours
        if address:
            return address
        if late.is_set():
            raise self.failure(
                f"the embedded engine was not up after {timeout:g} s; "
                "give it more with `start_timeout`"
            )
        if "couldn't bind" in self.log_tail():
            raise self.failure(f"port {settings['port']} is taken; name another `port`, or none")
        raise self.failure(f"the embedded engine could not start (exit code {code})")

    def failure(self, message: str) -> EngineError:
        """Return an error with this message and the tail of the log."""
        return EngineError(f"{message}\n{self.log_tail()}".rstrip())

    def log_tail(self) -> str:
        """Return the last 2,000 bytes of the log; empty once the process ended."""
        if self._log.closed or not os.fstat(self._log.fileno()).st_size:
            return ""
        # Mapped, not read: the child writes at the file offset that it shares with us.
        with mmap.mmap(self._log.fileno(), 0, access=mmap.ACCESS_READ) as log:
            return log[-_LOG_TAIL:].decode("utf-8", "replace").strip()

    def detach(self) -> None:
        """Close a forked child's copies of the pipes, and leave the process to the parent.

        A copy left open here would keep the engine alive after the parent's death.
        """
        if self.end.detach() is not None:
            # Not our child any more: Popen must neither wait for it nor warn that it still runs.
            self._process.returncode = 0
            _close_files(self._process, self._log)

    def _exchange(self, line: str) -> str:
        assert self._process.stdin is not None  # noqa: S101 - both were asked for
        assert self._process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):  # it died at once; its log says why
            self._process.stdin.write(line)
            self._process.stdin.flush()
        return self._process.stdout.read()


def _end(process: subprocess.Popen[str], log: IO[bytes]) -> None:
    process.kill()
    process.wait()
    _close_files(process, log)


def _close_files(process: subprocess.Popen[str], log: IO[bytes]) -> None:
    files: tuple[IO[Any] | None, ...] = (process.stdin, process.stdout, log)
    for file in filter(None, files):
        with contextlib.suppress(BrokenPipeError):  # it died before it read the settings
            file.close()
