"""Instructions of an `invoke`, by valgrind: `python -m benchmarks.instructions [PEER ...]`.

A busy machine changes them by a few in a hundred and its seconds by a factor, so that they show
what a small change is worth. What the kernel and the server do is not in them. A minute for each.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from benchmarks.peers import FLOOR, OPENAI, OURS, installed
from benchmarks.runs import serving
from benchmarks.worker import quiet

_FEW, _MORE = 40, 120
"""Calls; what one costs is the difference, without imports and first calls."""
_RUN = """
import sys
from benchmarks.cases import Subject, invoke
invoke(Subject(sys.argv[1], sys.argv[2]), times=int(sys.argv[3]))
"""


def per_invoke(peer: str, server: str) -> float:
    """Return the instructions of one call."""
    _run([], peer, server, 1)  # writes the bytecode, which must not be a part of the difference
    few, more = (_counted(peer, server, times) for times in (_FEW, _MORE))
    return (more - few) / (_MORE - _FEW)


def _counted(peer: str, server: str, times: int) -> int:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    told = _run(valgrind, peer, server, times)
    found = re.search(r"Collected : (\d+)", told)
    assert found, told
    return int(found[1])


def _run(under: list[str], peer: str, server: str, times: int) -> str:
    command = [*under, sys.executable, "-c", _RUN, peer, server, str(times)]
    environment = quiet() | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stderr


def main() -> None:
    """Print the counts of each peer."""
    if shutil.which("valgrind") is None:
        sys.exit("This needs valgrind: apt-get install valgrind.")
    peers = sys.argv[1:] or [each for each in (FLOOR, OURS, OPENAI) if each in installed()]
    with serving() as port:
        for peer in peers:
            count = per_invoke(peer, f"http://127.0.0.1:{port}")
            print(f"{peer}: {count / 1000:,.0f} thousand instructions an invoke", flush=True)


if __name__ == "__main__":
    main()
