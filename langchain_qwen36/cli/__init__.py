"""Run `python -m langchain_qwen36 COMMAND`; each command is imported only when it is run."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS: dict[str, str] = {
    "bulk": "run a model over the rows of a file, and go on after any end (extra `bulk`)",
    "demo": "ask a model that calls a tool, and show what it cost",
    "doctor": "check key, gateway, address, model, price and versions",
    "models": "list the models of a gateway: context, thinking, price",
    "prices": "compare the price lists with those that others keep",
    "spend": "report, export and limit what calls cost (extra `ledger`)",
}
"""Name and help of each command; `langchain_qwen36.cli.NAME` has its `main(argv) -> int`."""

_USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit status.

    A command is a module of this package with `main(argv: Sequence[str]) -> int`. It is imported
    only when it is run, so that one command's libraries cost the others nothing.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    match arguments:
        case [] | ["-h" | "--help", *_]:
            _write_usage(sys.stdout)
            return 0
        case [name, *rest] if name in COMMANDS:
            run: Callable[[Sequence[str]], int] = import_module(f"{__name__}.{name}").main
            return run(rest)
        case [name, *_]:
            print(f"langchain_qwen36: {name!r} is no command.", file=sys.stderr)  # noqa: T201
            _write_usage(sys.stderr)
    return _USAGE_ERROR


def _write_usage(stream: TextIO) -> None:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in sorted(COMMANDS.items())]
    stream.write("usage: python -m langchain_qwen36 COMMAND …\n\n" + "\n".join(lines) + "\n")
