"""`spend`: report, export and limit what calls cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run `spend`; return the exit status."""
    parser = argparse.ArgumentParser(prog="langchain_qwen36 spend", description=__doc__)
    parser.parse_args(argv)
    parser.print_help()
    return 0
