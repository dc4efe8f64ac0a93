"""Bytecode instructions of a call or a chunk: `python -m benchmarks.bytecode [PEER ...]`.

The same on every run, however busy the machine: the quickest way to see what a change to Python
code costs, in seconds instead of valgrind's minutes (`benchmarks.instructions`). What C code does,
pydantic's checks and orjson's parsing, is not in them, so they compare a peer with itself only.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import CASES, Subject
from benchmarks.peers import OURS
from benchmarks.serving import serving

if TYPE_CHECKING:
    from types import CodeType, FrameType

_SIZES = {"invoke": 20, "ainvoke": 20, "stream": 200, "astream": 200, "events": 200}
"""Calls, or chunks of one stream; twice as many less so many are counted: first calls are not."""

Counts = Counter["CodeType"]


def bytecode(subject: Subject, case: str) -> Counts:
    """Return the instructions of one call or chunk, by the function that they are of."""
    size = _SIZES[case]
    _run(subject, case, size)
    once, twice = _counted(subject, case, size), _counted(subject, case, 2 * size)
    return Counter({code: round((twice[code] - once[code]) / size) for code in twice})


def _run(subject: Subject, case: str, size: int) -> None:
    run: Any = CASES[case]  # each has settings of its own
    run(subject, **{"times" if "invoke" in case else "chunks": size})


def _counted(subject: Subject, case: str, size: int) -> Counts:
    counts: Counts = Counter()

    def count(frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            counts[frame.f_code] += 1
        return count

    def enter(frame: FrameType, *_: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return count

    sys.settrace(enter)
    try:
        _run(subject, case, size)
    finally:
        sys.settrace(None)
    return counts


def main() -> None:
    """Print the counts of each peer and case, and the functions with most of them."""
    parser = argparse.ArgumentParser(description="Count the bytecode of a call or a chunk.")
    parser.add_argument("peers", nargs="*", default=[OURS], help="ChatQwen36, floor, …")
    parser.add_argument("--case", action="append", choices=_SIZES, help="may be given again")
    parser.add_argument("--top", type=int, default=0, metavar="N", help="show N functions")
    arguments = parser.parse_args()
    with serving() as servers:
        for peer in arguments.peers:
            subject = Subject(peer, servers)
            with subject.runner:
                for case in arguments.case or _SIZES:
                    counts = bytecode(subject, case)
                    print(f"{case} of {peer}: {counts.total():,} bytecode instructions", flush=True)
                    for code, number in counts.most_common(arguments.top):
                        print(f"  {number:6,} {Path(code.co_filename).name} {code.co_qualname}")


if __name__ == "__main__":
    main()
