"""Whose code an `invoke` spends its time in: `python -m benchmarks.where [PEER ...]`.

cProfile slows small functions most, so read the shares and not the sum.
"""

from __future__ import annotations

import cProfile
import sys
from collections import Counter
from pathlib import Path

from benchmarks.cases import Subject, invoke
from benchmarks.peers import OPENAI, OURS, installed
from benchmarks.serving import Servers, serving

_CALLS = 500
_LEAST = 0.02
"""A share that is shown."""
_KERNEL = ("'send'", "'recv'", "'sendall'", "'poll'")


def shares(peer: str, servers: Servers) -> dict[str, float]:
    """Return the share of each package, largest first."""
    subject = Subject(peer, servers)
    invoke(subject, times=_CALLS)
    profile = cProfile.Profile()
    profile.runcall(invoke, subject, times=_CALLS)
    profile.create_stats()
    spent: Counter[str] = Counter()
    for (path, _, name), (_, _, own, _, callers) in profile.stats.items():
        if path != "~":
            spent[_owner(path)] += own
        elif any(word in name for word in _KERNEL):
            spent["the kernel"] += own
        else:  # a builtin works for whoever calls it
            for (caller, _, _), (_, _, part, _) in callers.items():
                spent[_owner(caller)] += part
    return {owner: each / spent.total() for owner, each in spent.most_common()}


def _owner(path: str) -> str:
    parts = Path(path).parts
    for root in ("site-packages", "benchmarks"):
        if root in parts[:-1]:
            return parts[parts.index(root) + 1] if root == "site-packages" else root
    return "langchain_qwen36" if "langchain_qwen36" in parts else "the standard library"


def main() -> None:
    """Print the shares of each peer."""
    with serving() as servers:
        for peer in sys.argv[1:] or [each for each in (OURS, OPENAI) if each in installed()]:
            found = {name: part for name, part in shares(peer, servers).items() if part >= _LEAST}
            print(f"{peer}: " + ", ".join(f"{name} {part:.0%}" for name, part in found.items()))


if __name__ == "__main__":
    main()
