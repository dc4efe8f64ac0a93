"""The program of the engine's process: `python server.py`, its settings one JSON line on stdin.

It is run by its path, not with `-m`: importing our package would double the start-up time. So this
module imports nothing of ours.

stdin stays open as long as the parent lives; its end is the order to exit, which also comes when
the parent is killed with -9, on every platform, whichever thread started us. The key comes over
stdin too: others can read argv and the environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Serve until stdin ends; write the address to stdout once the model answers."""
    # Ctrl-C goes to the whole terminal group; only the parent decides when we end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = json.loads(sys.stdin.readline())
    _die_with_parent_while_loading()
    # What llama.cpp prints belongs into the log; stdout is for the one line below.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        server = _serve(settings)
    except RuntimeError as error:
        # Its reasons are above it in the log; a traceback of ours would push them out.
        sys.exit(str(error))
    with report:
        report.write(server.listening_address)
    sys.stdin.read()
    # At once: a request may be running, and there is nothing to save.
    os._exit(0)


def _die_with_parent_while_loading() -> None:
    """Let the kernel end us when stdin ends: loading a model holds the GIL, so no thread could.

    On Linux only: SIGIO, whose default action is to terminate, is ignored elsewhere. There an
    orphan loads to the end, reads the end of stdin and exits.
    """
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on Windows

        with contextlib.suppress(OSError):  # a sandbox may not offer it
            fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _serve(settings: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415 - what it prints must already go to the log

    params = xllamacpp.CommonParams()
    params.model.path = settings["gguf"]
    params.model_alias = {settings["name"]}
    params.api_keys = [settings["api_key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = settings["port"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context_tokens"]
    params.chat_template = settings["chat_template"]
    params.n_predict = settings["max_tokens"]
    params.sampling.reasoning_budget_tokens = settings["thinking_budget"]
    if settings["greedy"]:
        params.sampling.temp = 0  # a request's own `temperature` wins over it
    params.cache_ram_mib = settings["prompt_cache_mib"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.ui = False
    # Warnings and errors only: at the next level every request adds ten lines to the log.
    params.verbosity = 2
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
