"""`spend`: report, export and limit what calls cost."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from langchain_qwen36.errors import LedgerError
from langchain_qwen36.spend import Limit, SpendLedger
from langchain_qwen36.spend.environment import ENVIRONMENT, default_url
from langchain_qwen36.spend.focus import NEWEST, FocusVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = "spend.db"
"""The ledger in the current directory, if there is one."""


def main(argv: Sequence[str]) -> int:
    """Run `spend`; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        ledger = _open(options.ledger)
        try:
            status: int = options.run(ledger, options)
        finally:
            ledger.close()
    except (LedgerError, ValueError, OSError) as error:
        print(f"langchain_qwen36 spend: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return status


def _open(url: str) -> SpendLedger:
    """Open an existing ledger: a misspelt name must not create an empty one.

    Raises:
        LedgerError: The ledger does not exist.
    """
    path = url.removeprefix("sqlite:///").partition("?")[0]
    if url.startswith("sqlite:///") and not path.startswith("file:") and not Path(path).exists():
        raise LedgerError(
            f"There is no ledger {path}: name it by --ledger or {ENVIRONMENT}, "
            "such as sqlite:////data/spend.db."
        )
    return SpendLedger(url)


def _report(ledger: SpendLedger, options: argparse.Namespace) -> int:
    target = ledger.report(options.since).save(options.output)
    print(target)  # noqa: T201
    return 0


def _export(ledger: SpendLedger, options: argparse.Namespace) -> int:
    text = ledger.export(options.format, since=options.since, focus_version=options.focus_version)
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8", newline="")
    else:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return 0


def _list(ledger: SpendLedger, _options: argparse.Namespace) -> int:
    lines = [("ACCOUNT", "PER", "LIMIT", "SPENT", "HELD", "BEGINS ANEW")]
    running = {(b.account, b.per, b.zone): b for b in ledger.balances() if b.limit is not None}
    for balance in running.values():
        ends = f"{balance.ends:%Y-%m-%d %H:%M} UTC" if balance.ends else "never"
        amounts = (str(balance.limit), str(balance.spent), str(balance.held))
        lines.append((balance.account, balance.per, *amounts, ends))
    lines += [
        (rule.account, rule.per, str(rule.money), "-", "-", rule.zone)
        for rule in ledger.budgets()
        if (rule.account, rule.per, rule.zone) not in running
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())  # noqa: T201
    return 0


def _set(ledger: SpendLedger, options: argparse.Namespace) -> int:
    ledger.set_budget(Limit(options.account, options.amount, per=options.per, zone=options.zone))
    return _list(ledger, options)


def _top_up(ledger: SpendLedger, options: argparse.Namespace) -> int:
    ledger.top_up(options.account, options.amount)
    return _list(ledger, options)


def _remove(ledger: SpendLedger, options: argparse.Namespace) -> int:
    if not ledger.remove_budget(options.account):
        raise LedgerError(
            f"{options.account} has no limit in the ledger: see `spend budgets list`."
        )
    return _list(ledger, options)


def _default_url() -> str:
    if ENVIRONMENT not in os.environ and Path(_FILE).exists():
        return f"sqlite:///{_FILE}"
    return default_url()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m langchain_qwen36 spend", description=__doc__)
    parser.add_argument(
        "--ledger",
        default=_default_url(),
        help=f"URL of the ledger; {ENVIRONMENT}, else sqlite:///{_FILE}, else the default "
        "ledger of programs that run in this directory",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_reports(commands)
    _add_budgets(commands.add_parser("budgets", help="list, set and top up limits"))
    return parser


def _add_reports(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = commands.add_parser("report", help="write an HTML page")
    _add_since(report)
    report.add_argument("--output", default="spend.html", help="default spend.html")
    report.set_defaults(run=_report)
    export = commands.add_parser("export", help="write calls as CSV or JSON, or days as FOCUS")
    export.add_argument("--format", choices=("csv", "json", "focus"), default="csv")
    export.add_argument(
        "--focus-version", choices=get_args(FocusVersion), default=NEWEST, help="of the columns"
    )
    _add_since(export)
    export.add_argument("--output", help="a file; standard output where left out")
    export.set_defaults(run=_export)


def _add_since(parser: argparse.ArgumentParser) -> None:
    text = "a period (4w, 30d, 3m) or a day (2026-11-01); default 4w"
    parser.add_argument("--since", default="4w", help=text)


def _add_budgets(budgets: argparse.ArgumentParser) -> None:
    actions = budgets.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="limits, and what is spent of them").set_defaults(run=_list)
    change = actions.add_parser("set", help="set or change a limit")
    _add_account(change)
    change.add_argument("amount", help='such as "5 USD"')
    change.add_argument("--per", choices=("day", "week", "month", "ever"), default="ever")
    change.add_argument("--zone", default="UTC", help="time zone of the days; default UTC")
    change.set_defaults(run=_set)
    top_up = actions.add_parser("top-up", help="let an account spend more in its running window")
    _add_account(top_up)
    top_up.add_argument("amount", help='such as "5 USD"')
    top_up.set_defaults(run=_top_up)
    remove = actions.add_parser("remove", help="remove the limits of an account")
    _add_account(remove)
    remove.set_defaults(run=_remove)


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", help="all, user:u1, team:a, user:* for each user …")
