"""Instructions of a call or a chunk, by valgrind: `python -m benchmarks.instructions [PEER ...]`.

A busy machine changes them by a few in a hundred and its seconds by a factor, so that they show
what a small change is worth. What the kernel and the server do is not in them. A minute or two for
each peer and case; `--case ainvoke` for another case than `invoke`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.checkouts import exported
from benchmarks.peers import BEFORE, FLOOR, IMPORTS, OPENAI, OURS, installed
from benchmarks.serving import Servers, serving
from benchmarks.worker import environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SIZES = {
    "invoke": (20, 80),
    "ainvoke": (20, 80),
    "stream": (200, 1_200),
    "astream": (200, 1_200),
    "events": (200, 1_200),
}
"""Fewer and more calls, or chunks of one stream: what one costs is the difference, without imports
and first calls."""
_RUN = """
import json
import sys
from benchmarks.cases import CASES, Subject
peer, servers, case, size = sys.argv[1:]
subject = Subject(peer, json.loads(servers))
settings = {"times" if case in ("invoke", "ainvoke") else "chunks": int(size)}
with subject.runner:
    CASES[case](subject, **settings)
"""


def of_call(peer: str, servers: Servers, case: str, earlier: Path | None = None) -> float:
    """Return the instructions of one call, or of one chunk of a stream."""
    few, more = _SIZES[case]
    code = [_RUN, peer, json.dumps(servers), case]
    # Writes the bytecode, which must not be a part of it.
    _python(*code, "1", env=environment(peer, earlier))
    counts = [_count(peer, earlier, *code, str(size)) for size in (few, more)]
    return (counts[1] - counts[0]) / (more - few)


def of_import(peer: str, earlier: Path | None = None) -> float:
    """Return the instructions of an import, without those of Python's own start."""
    counts = []
    for code in (IMPORTS[peer][1], ""):
        _python(code, env=environment(peer, earlier))
        counts.append(_count(peer, earlier, code))
    return counts[0] - counts[1]


def _count(peer: str, earlier: Path | None, *arguments: str) -> int:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    report = _python(*arguments, under=valgrind, env=environment(peer, earlier))
    collected = re.search(r"Collected : (\d+)", report)
    assert collected, report
    return int(collected[1])


def _python(
    *arguments: str, under: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> str:
    command = [*under, sys.executable, "-c", *arguments]
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**(env or environment(OURS)), "PYTHONHASHSEED": "0"},
    )
    return done.stderr


def main() -> None:
    """Print the counts of each peer and case."""
    if shutil.which("valgrind") is None:
        sys.exit("This needs valgrind: apt-get install valgrind.")
    parser = argparse.ArgumentParser(description="Count the instructions of a call or a chunk.")
    parser.add_argument("peers", nargs="*", help="ChatQwen36, floor, ChatOpenAI, …")
    parser.add_argument("--case", action="append", choices=_SIZES, help="may be given again")
    parser.add_argument("--before", metavar="COMMIT", help="an earlier ChatQwen36 beside today's")
    arguments = parser.parse_args()
    peers = arguments.peers or [peer for peer in (FLOOR, OURS, OPENAI) if peer in installed()]
    with ExitStack() as stack:
        servers = stack.enter_context(serving())
        earlier = stack.enter_context(exported(arguments.before)) if arguments.before else None
        peers += [BEFORE] if earlier else []
        for case in arguments.case or ["invoke"]:
            what = "a chunk" if case in ("stream", "astream", "events") else "a call"
            for peer in peers:
                count = of_call(peer, servers, case, earlier)
                print(f"{case} of {peer}: {count / 1000:,.1f} thousand {what}", flush=True)


if __name__ == "__main__":
    main()
