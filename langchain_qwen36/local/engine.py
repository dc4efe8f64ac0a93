"""`LocalEngine`: llama.cpp's server in a process of its own, and the one that models share."""

from __future__ import annotations

import importlib.util
import os
import secrets
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import SecretStr

from langchain_qwen36.errors import EngineError, EngineMissingError
from langchain_qwen36.local.model_file import GGUF_VARIABLE, SMOLLM2, default_gguf, require_gguf
from langchain_qwen36.local.process import EngineProcess

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

__all__ = ["EngineOptions", "LocalEngine", "shared_engine"]

_TINY_TEMPLATE = Path(__file__).with_name("templates") / "smollm2.jinja"

# For a real model, llama.cpp's own defaults (-1: no limit; as many threads as cores). The tiny one
# rambles until its window is full, and only its repetitions need stopping. On two busy cores it
# wrote 2 tokens/s with two threads, which spin while they wait for each other, and 80 with one.
_DEFAULTS = {
    "threads": -1,
    "max_tokens": -1,
    "thinking_budget": -1,
    "prompt_cache_mib": 8192,
    "greedy": False,
}
_TINY_DEFAULTS = {
    "threads": 1,
    "max_tokens": 1024,
    "thinking_budget": 128,
    "prompt_cache_mib": 256,
    "greedy": True,
}

# Seconds for the kernel to take a killed engine's memory back, before its end can be seen.
_EXIT_GRACE = 1.0


class EngineOptions(TypedDict, total=False):
    """The keyword arguments of `LocalEngine`."""

    context_tokens: int
    """Tokens of one request's window, prompt and answer."""
    slots: int
    """How many requests run at once."""
    port: int | None
    """The loopback port; None: a free one."""
    chat_template: str | Path | None
    """A Jinja template's text, or its file."""
    threads: int | None
    """CPU threads."""
    start_timeout: float
    """Seconds after which an engine that is not up is an error."""


class LocalEngine:
    """llama.cpp's server on a loopback port, behind a random key, in its own process.

    A context manager; `start()` and `close()` do the same and may be repeated. The process ends
    with `close()`, with this object, and with the process that started it, kill -9 included. A
    forked child does not inherit it: there it is not running, and may be started anew.

    Args:
        gguf: The model's file; `default_gguf()` when not given.
        context_tokens: Window of one request, prompt and answer. Memory is taken for `slots` times
            as many.
        slots: How many requests run at once; more wait their turn.
        port: The loopback port; a free one when not given.
        chat_template: A Jinja template's text, or the `Path` of its file. Not given: the GGUF
            file's own, except for the tiny default model, which gets one that shows it how to think
            and to call tools.
        threads: CPU threads. Not given: one for each core, except for a model no larger than the
            tiny default one, which is fastest with one as soon as anything else runs.
        start_timeout: Seconds after which an engine that is not up is an error. The tiny model
            needs one, 20 GB from a cold disk need minutes.

    Raises:
        ValueError: `chat_template` is a `str` without a Jinja tag: a path, or a slip.
    """

    def __init__(
        self,
        gguf: str | Path | None = None,
        *,
        context_tokens: int = 8192,
        slots: int = 2,
        port: int | None = None,
        chat_template: str | Path | None = None,
        threads: int | None = None,
        start_timeout: float = 300.0,
    ) -> None:
        if isinstance(chat_template, str) and "{" not in chat_template:
            raise ValueError(
                f"`chat_template` is a template's text, not {chat_template!r}; "
                "for a file pass `Path(...)`"
            )
        self._gguf = gguf
        self._chat_template = chat_template
        self._start_timeout = start_timeout
        self._options = {"context_tokens": context_tokens, "slots": slots, "port": port or 0}
        if threads is not None:
            self._options["threads"] = threads
        self._api_key = SecretStr(secrets.token_urlsafe(32))
        self._lock = threading.Lock()
        self._process: EngineProcess | None = None
        self._base_url: str | None = None
        _engines.add(self)

    def __repr__(self) -> str:
        gguf = None if self._gguf is None else str(self._gguf)
        return f"LocalEngine(gguf={gguf!r}, base_url={self._base_url!r}, alive={self.alive})"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Start the process and wait until the model answers; nothing if it runs already.

        Blocks: about a second for the tiny model, and its download the first time.

        Raises:
            EngineMissingError: the extra `local` is not installed.
            ModelFileError: no such file, or no GGUF.
            EngineError: the process ended or was not up in time; with the tail of its log.
        """
        with self._lock:
            if not self.alive:
                self._close()
                settings = self._settings()
                self._process = EngineProcess(self)
                try:
                    address = self._process.handshake(settings, self._start_timeout)
                except BaseException:
                    self._close()
                    raise
                self._base_url = f"{address}/v1"
        return self

    def close(self) -> None:
        """End the process; nothing if there is none."""
        with self._lock:
            self._close()

    @property
    def base_url(self) -> str:
        """The engine's URL, `http://127.0.0.1:PORT/v1`.

        Raises:
            EngineError: the engine was not started, or was closed.
        """
        if self._base_url is None:
            raise _not_running()
        return self._base_url

    @property
    def api_key(self) -> SecretStr:
        """The only key this engine accepts, made at random for this object."""
        return self._api_key

    @property
    def pid(self) -> int | None:
        """Process id; None if not running."""
        process = self._process
        return process.pid if process is not None and process.exit_code is None else None

    @property
    def alive(self) -> bool:
        """Whether the process runs; asks the kernel, which takes a microsecond."""
        return self.pid is not None

    def check(self) -> None:
        """Do nothing if the engine runs; called when a connection to it failed.

        If the engine runs, this blocks for a second: a dying process closes its connections some
        time before its end is visible.

        Raises:
            EngineError: the engine was not started, was closed, or died; with the tail of its log.
        """
        process = self._process
        if process is None:
            raise _not_running()
        if (code := process.ended(_EXIT_GRACE)) is not None:
            raise process.failure(f"the embedded engine died (exit code {code})")

    def log_tail(self) -> str:
        """Return the last 2,000 bytes of the process's log: llama.cpp's warnings and errors."""
        process = self._process
        return "" if process is None else process.log_tail()

    def _close(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process = self._base_url = None

    def _settings(self) -> dict[str, Any]:
        """Return the settings that `server.py` reads from stdin."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise EngineMissingError(
                'the embedded engine is not installed: run `pip install "langchain-qwen36[local]"`'
            )
        gguf = default_gguf() if self._gguf is None else require_gguf(self._gguf)
        # By size: a file downloaded by hand may have any name.
        size = gguf.stat().st_size
        tiny = size == SMOLLM2.size
        threads = {"threads": 1} if size <= SMOLLM2.size else {}
        return {
            **(_TINY_DEFAULTS if tiny else _DEFAULTS | threads),
            **self._options,
            "gguf": str(gguf),
            "name": gguf.stem,
            "chat_template": self._template(tiny=tiny),
            "api_key": self._api_key.get_secret_value(),
        }

    def _template(self, *, tiny: bool) -> str:
        """Return the chat template's text; empty for the GGUF file's own."""
        match self._chat_template:
            case None:
                return _TINY_TEMPLATE.read_text("utf-8") if tiny else ""
            case Path() as path:
                return path.read_text("utf-8")
            case text:
                return text

    def _detach(self) -> None:
        self._lock = threading.Lock()
        if self._process is not None:
            self._process.detach()
        self._process = self._base_url = None


def _not_running() -> EngineError:
    return EngineError("the engine is not running: call `start()`, or use it in a `with`")


_engines: weakref.WeakSet[LocalEngine] = weakref.WeakSet()
_shared: dict[tuple[object, ...], LocalEngine] = {}
_shared_lock = threading.Lock()


def shared_engine(gguf: str | Path | None = None, **options: Unpack[EngineOptions]) -> LocalEngine:
    """Return this process's running engine for a file and options.

    The first caller starts it, a dead one is started again (its URL then changes), and it ends at
    exit. Threads may call at once; a forked child starts its own. Calling again costs microseconds:
    call it for every request rather than keep the URL.

    Args:
        gguf: See `LocalEngine`.
        **options: See `LocalEngine`.

    Raises:
        EngineError: See `LocalEngine.start`.
    """
    gguf = gguf or os.environ.get(GGUF_VARIABLE)
    key = (None if gguf is None else str(gguf), *sorted(options.items()))
    with _shared_lock:
        if key not in _shared:
            _shared[key] = LocalEngine(gguf, **options)
        engine = _shared[key]
    return engine.start()  # without the lock: another one may load for minutes


def _after_fork() -> None:
    """Forget engines and locks in a forked child: both belong to threads of the parent."""
    global _shared_lock  # noqa: PLW0603
    _shared_lock = threading.Lock()
    _shared.clear()
    for engine in list(_engines):
        engine._detach()  # noqa: SLF001 - the hook is part of the class


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
