"""A process with one model in it: `python -m benchmarks.worker PEER SERVER [uncollected]`.

It reads what to measure from its input, a line of JSON each, and answers with a line each.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from typing import Any, Self

from benchmarks.cases import CASES, Sample, Subject
from benchmarks.server import more_files


class Worker:
    """A worker as the one who starts it sees it; use it as a context manager.

    Uncollected, the garbage collector stays out: it looks at all that lives again and again, which
    bends every line upwards, LangChain's own floor too.
    """

    def __init__(self, peer: str, server: str, *, uncollected: bool = False) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", peer, server]
        command += ["uncollected"] * uncollected
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, case: str, settings: dict[str, Any]) -> Sample:
        """Run a case once.

        Raises:
            RuntimeError: it failed; the worker has said why.
        """
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([case, settings]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{case} failed with {settings}.")
        sample: Sample = json.loads(line)
        return sample


def quiet() -> dict[str, str]:
    """Return the environment without what would make LangChain do more.

    Go elsewhere, or compile anew.
    """
    loud = ("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(loud)}
    return kept | {"NO_PROXY": "127.0.0.1", "LANGSMITH_TRACING": "false"}


def _work(peer: str, server: str, *said: str) -> None:
    if "uncollected" in said:
        gc.disable()
    more_files()
    subject = Subject(peer, server)
    with subject.runner:
        for line in sys.stdin:
            case, settings = json.loads(line)
            print(json.dumps(CASES[case](subject, **settings)), flush=True)


if __name__ == "__main__":
    _work(*sys.argv[1:])
