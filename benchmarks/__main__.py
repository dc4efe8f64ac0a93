"""Measure every row, print the table, and fail where a goal is missed.

python -m benchmarks            all of it, a quarter of an hour on two quiet cores
python -m benchmarks --quick    seconds: that it still runs; no figure is judged
python -m benchmarks --only import construct
python -m benchmarks --write    into docs/benchmarks.md and docs/benchmarks.png
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from benchmarks import raw, report
from benchmarks.rows import GROWTHS, LINEAR, ROWS
from benchmarks.runs import Runner, is_linear, serving, verdicts

_DOCS = Path(__file__).parents[1] / "docs"


def main() -> int:
    """Run what the command line says; the number of goals missed."""
    said = _arguments()
    with serving() as port, Runner(port, quick=said.quick) as runner:
        server = raw.rates(port)
        print(
            f"The server alone: {server['requests']:,.0f} req/s, {server['chunks']:,.0f} chunks/s"
        )
        measured, missed = _rows(runner, said.only)
        grown, bent = _growths(runner, said.only)
    text = "\n\n".join(
        [
            report.machine(),
            (
                f"The server alone gives a client that looks at nothing {server['requests']:,.0f} "
                f"req/s and {server['chunks']:,.0f} chunks/s."
            ),
            report.table(measured, judged=not said.quick),
            report.variants(measured),
            report.growth_table(grown),
        ]
    )
    print(f"\n{text}")
    if importlib.util.find_spec("matplotlib"):
        report.plot(measured, grown, said.plot)
    if said.write:
        report.write_into(_DOCS / "benchmarks.md", text)
    return 0 if said.quick else min(missed + bent, 100)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only that it runs")
    parser.add_argument("--only", nargs="*", metavar="CASE", help="these cases")
    parser.add_argument("--write", action="store_true", help="into docs/")
    parser.add_argument("--plot", type=Path, default=Path("benchmarks.png"), help="the PNG")
    said = parser.parse_args()
    if said.write:
        said.plot = _DOCS / "benchmarks.png"
    return said


def _rows(runner: Runner, only: list[str] | None) -> tuple[report.Measured, int]:
    measured: report.Measured = []
    missed = 0
    for row in ROWS:
        if only is not None and row.case not in only:
            continue
        figures = runner.row(row)
        measured.append((row, figures))
        shown = ", ".join(f"{name} {figure:,.2f}" for name, figure in figures.items())
        print(f"{row.title} [{row.unit}]: {shown}", flush=True)
        missed += sum(not verdict.reached for verdict in verdicts(row, figures))
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
        grown.append((growth, by_peer))
        bent += not is_linear(by_peer, LINEAR)
        print(f"{growth.title}: {by_peer}", flush=True)
    return grown, bent


if __name__ == "__main__":
    sys.exit(main())
