"""Measure every row, print the table, and fail where a goal is missed.

python -m benchmarks            all of it, half an hour on two quiet cores
python -m benchmarks --quick    a minute: that it still runs; no figure is judged
python -m benchmarks --only import construct
python -m benchmarks --before dfd2b4a --peers ChatQwen36 floor
                                whether a row is worse than at that commit, in the same run
python -m benchmarks --write    into docs/benchmarks.md and its pictures
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import plots, raw, report
from benchmarks.checkouts import current_commit, exported
from benchmarks.peers import BEFORE, OURS
from benchmarks.rows import GROWTHS, LINEAR, ROWS
from benchmarks.runs import Runner, can_measure, is_linear, verdicts
from benchmarks.serving import serving

if TYPE_CHECKING:
    from benchmarks.runs import Measured

_ROOT = Path(__file__).parents[1]


def main() -> int:
    """Run what the command line says; the number of goals missed."""
    arguments = _arguments()
    with ExitStack() as stack:
        servers = stack.enter_context(serving())
        earlier = stack.enter_context(exported(arguments.before)) if arguments.before else None
        runner = stack.enter_context(
            Runner(servers, quick=arguments.quick, earlier=earlier, only=_peers(arguments))
        )
        server = report.server(raw.rates(int(servers["tcp"].rpartition(":")[2])))
        print(server)
        measured, missed = _rows(runner, arguments.only, quick=arguments.quick)
        grown, bent = _growths(runner, arguments.only)
    text = "\n\n".join(
        [
            report.machine(current_commit()),
            server,
            report.table(measured, judged=not arguments.quick),
            report.variants(measured, judged=not arguments.quick),
            report.growth_table(grown),
        ]
    )
    print(f"\n{text}")
    if importlib.util.find_spec("matplotlib"):
        plots.write(measured, grown, arguments.pictures)
    if arguments.write:
        report.write_into(_ROOT / "docs/benchmarks.md", text)
    return 0 if arguments.quick else min(missed + bent, 100)


def _arguments() -> argparse.Namespace:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=form
    )
    parser.add_argument("--quick", action="store_true", help="only that it runs")
    parser.add_argument("--only", nargs="*", metavar="CASE", help="these cases and growths")
    parser.add_argument("--peers", nargs="*", metavar="PEER", help="these models")
    parser.add_argument("--before", metavar="COMMIT", help="an earlier ChatQwen36 beside today's")
    parser.add_argument("--write", action="store_true", help="into docs/")
    parser.add_argument(
        "--pictures", type=Path, default=_ROOT / "build", metavar="FOLDER", help="for the SVGs"
    )
    arguments = parser.parse_args()
    if arguments.write:
        arguments.pictures = _ROOT / "docs/images"
    return arguments


def _peers(arguments: argparse.Namespace) -> list[str] | None:
    if arguments.peers is None:
        return None
    return [*arguments.peers, *([BEFORE] if arguments.before else [])]


def _rows(runner: Runner, only: list[str] | None, *, quick: bool) -> tuple[Measured, int]:
    measured: Measured = {}
    missed = 0
    for row in ROWS:
        if (only is not None and row.case not in only) or not can_measure(row, quick=quick):
            continue
        figures = measured[row] = runner.row(row)
        shown = ", ".join(f"{name} {figure:,.2f}" for name, figure in figures.items())
        found = verdicts(row, measured)
        judged = "; ".join(f"{goal}: {ratio:.2f}" for goal, ratio, _ in found)
        print(f"{row.title} [{row.unit}]: {shown} ({judged})", flush=True)
        missed += sum(not verdict.reached for verdict in found)
    return measured, missed


def _growths(runner: Runner, only: list[str] | None) -> tuple[report.Grown, int]:
    grown: report.Grown = []
    bent = 0
    for growth in GROWTHS:
        if only is not None and growth.title not in only:
            continue
        by_peer = {
            peer: runner.growth(growth, peer) for peer in growth.peers if peer in runner.peers
        }
        if OURS not in by_peer:
            continue
        grown.append((growth, by_peer))
        bent += not is_linear(by_peer, LINEAR)
        print(f"{growth.title}: {by_peer}", flush=True)
    return grown, bent


if __name__ == "__main__":
    sys.exit(main())
