"""Instructions of a call or a chunk, by valgrind: `python -m benchmarks.instructions [PEER ...]`.

A busy machine changes them by a few in a hundred and its seconds by a factor, so that they show
what a small change is worth. What the kernel and the server do is not in them. A minute or two for
each peer and case; `--case ainvoke` for another case than `invoke`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys

from benchmarks.peers import FLOOR, OPENAI, OURS, installed
from benchmarks.runs import serving
from benchmarks.worker import quiet

_SIZES = {
    "invoke": (20, 80),
    "ainvoke": (20, 80),
    "stream": (200, 1_200),
    "astream": (200, 1_200),
}
"""Fewer and more calls, or chunks of one stream: what one costs is the difference, without imports
and first calls."""
_RUN = """
import sys
from benchmarks.cases import CASES, Subject
peer, server, case, size = sys.argv[1:]
subject = Subject(peer, server)
settings = {"times" if "invoke" in case else "chunks": int(size)}
with subject.runner:
    CASES[case](subject, **settings)
"""


def instructions(peer: str, server: str, case: str) -> float:
    """Return the instructions of one call, or of one chunk of a stream."""
    few, more = _SIZES[case]
    _run([], peer, server, case, 1)  # writes the bytecode, which must not be a part of it
    counts = [_count(peer, server, case, size) for size in (few, more)]
    return (counts[1] - counts[0]) / (more - few)


def _count(peer: str, server: str, case: str, size: int) -> int:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    report = _run(valgrind, peer, server, case, size)
    collected = re.search(r"Collected : (\d+)", report)
    assert collected, report
    return int(collected[1])


def _run(under: list[str], peer: str, server: str, case: str, size: int) -> str:
    command = [*under, sys.executable, "-c", _RUN, peer, server, case, str(size)]
    environment = quiet() | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stderr


def main() -> None:
    """Print the counts of each peer and case."""
    if shutil.which("valgrind") is None:
        sys.exit("This needs valgrind: apt-get install valgrind.")
    parser = argparse.ArgumentParser(description="Count the instructions of a call or a chunk.")
    parser.add_argument("peers", nargs="*", help="ChatQwen36, floor, ChatOpenAI, …")
    parser.add_argument("--case", action="append", choices=_SIZES, help="may be given again")
    arguments = parser.parse_args()
    peers = arguments.peers or [peer for peer in (FLOOR, OURS, OPENAI) if peer in installed()]
    with serving() as port:
        for case in arguments.case or ["invoke"]:
            what = "a call" if "invoke" in case else "a chunk"
            for peer in peers:
                count = instructions(peer, f"http://127.0.0.1:{port}", case)
                print(f"{case} of {peer}: {count / 1000:,.1f} thousand {what}", flush=True)


if __name__ == "__main__":
    main()
