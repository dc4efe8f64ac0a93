"""A process with one model in it: `python -m benchmarks.worker PEER SERVERS [uncollected]`.

It reads what to measure from its input, a line of JSON each, and answers with a line each.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.cases import CASES, Sample, Subject
from benchmarks.peers import BEFORE
from benchmarks.server import more_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.serving import Servers

_ROOT = Path(__file__).parents[1]


class Worker:
    """A worker as the one who starts it sees it; use it as a context manager.

    Uncollected, the garbage collector stays out: it looks at all that lives again and again, which
    bends every line upwards, LangChain's own floor too.
    """

    def __init__(
        self,
        peer: str,
        servers: Servers,
        *,
        uncollected: bool = False,
        earlier: Path | None = None,
    ) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", peer, json.dumps(servers)]
        command += ["uncollected"] * uncollected
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(peer, earlier),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, case: str, settings: Mapping[str, Any]) -> Sample:
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


def environment(peer: str, earlier: Path | None = None) -> dict[str, str]:
    """Return the environment of a peer's process, without what would make LangChain do more.

    Args:
        peer: The model.
        earlier: The folder that holds the package of an earlier commit, for `BEFORE`.
    """
    loud = ("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(loud)}
    quiet = kept | {"NO_PROXY": "127.0.0.1,localhost", "LANGSMITH_TRACING": "false"}
    if peer != BEFORE:
        return quiet
    # The folder that Python is started in would come first, with today's package.
    return quiet | {"PYTHONSAFEPATH": "1", "PYTHONPATH": f"{earlier}{os.pathsep}{_ROOT}"}


def _work(peer: str, servers: str, *options: str) -> None:
    if "uncollected" in options:
        gc.disable()
    more_files()
    subject = Subject(peer, json.loads(servers))
    with subject.runner:
        for line in sys.stdin:
            case, settings = json.loads(line)
            print(json.dumps(CASES[case](subject, **settings)), flush=True)


if __name__ == "__main__":
    _work(*sys.argv[1:])
