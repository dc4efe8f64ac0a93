"""`bulk`: run a model over the rows of a file, and go on after any end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

try:
    import typer
except ImportError as error:
    raise SystemExit('`bulk` needs an extra: pip install "langchain-qwen36[bulk]"') from error

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.bulk.export import export_merged
from langchain_qwen36.bulk.job import COMPLETE, Job, report_of, run_job
from langchain_qwen36.bulk.journal import Journal
from langchain_qwen36.bulk.plan import Plan, plan
from langchain_qwen36.errors import JournalError, LedgerError, QwenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_qwen36.bulk.types import BulkReport

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

_INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run `bulk`; return the exit status: 0 if every row has an answer."""
    try:
        status = app(args=list(argv), prog_name="langchain_qwen36 bulk", standalone_mode=False)
    except typer.Abort:
        return _INTERRUPTED
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on from here", error=True)
        return _INTERRUPTED
    except Exception as error:
        usage_exit = getattr(error, "exit_code", None)
        if usage_exit is not None and hasattr(error, "format_message"):
            _say(f"langchain_qwen36 bulk: {error.format_message()}", error=True)
            return int(usage_exit)
        if not isinstance(error, QwenError | ValueError | OSError):
            raise
        _say(f"langchain_qwen36 bulk: {error}", error=True)
        return 1
    return int(status or 0)


_Source = Annotated[str, typer.Argument(metavar="INPUT", help=".jsonl, .csv, .tsv, .parquet")]
_Output = Annotated[str, typer.Argument(metavar="OUTPUT", help=".jsonl or .parquet")]
_Model = Annotated[str, typer.Option(help="such as qwen3.6-flash")]
_Prompt = Annotated[
    str | None,
    typer.Option(help='template, "Translate: {text}", or @FILE of one; @messages.yaml too'),
]
_GatewayName = Annotated[str | None, typer.Option(help="by the key that is set")]
_Settings = Annotated[
    list[str] | None, typer.Option("--set", help="of the model: enable_thinking=false")
]
_IdField = Annotated[str, typer.Option("--id", help="field of a row's id")]
_Schema = Annotated[Path | None, typer.Option(help="JSON schema that answers must fit")]
_Budget = Annotated[str | None, typer.Option(help='such as "5 USD"')]
_Reserve = Annotated[str, typer.Option(help="likely, worst, or an amount")]
_MaxConcurrency = Annotated[str, typer.Option(help="calls at once, or auto")]
_State = Annotated[str | None, typer.Option(help="the journal; OUTPUT.journal")]
_Shard = Annotated[str | None, typer.Option(help="1/4: the first of four machines")]
_LedgerUrl = Annotated[str | None, typer.Option(help="URL of a spend ledger")]
_MaxAttempts = Annotated[int, typer.Option(help="failed calls of a row", min=1)]
_SkipBadRows = Annotated[bool, typer.Option("--skip-bad-rows", help="make them dead letters")]
_RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="call dead letters again")]
_Batch = Annotated[
    bool, typer.Option("--batch", help="as batch jobs: within a day, mostly at half price")
]
_BatchWindow = Annotated[str, typer.Option(help="how long one may take: 24h to 14d")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="show rows, tokens, cost; send nothing")]
_ExpectOutput = Annotated[
    int | None, typer.Option(help="tokens of an answer, for --dry-run", min=1)
]


@app.command()
def run(
    source: _Source,
    output: _Output,
    *,
    model: _Model,
    prompt: _Prompt = None,
    gateway: _GatewayName = None,
    setting: _Settings = None,
    id_field: _IdField = "id",
    schema: _Schema = None,
    budget: _Budget = None,
    reserve: _Reserve = "likely",
    max_concurrency: _MaxConcurrency = "auto",
    state: _State = None,
    shard: _Shard = None,
    ledger: _LedgerUrl = None,
    max_attempts: _MaxAttempts = 5,
    skip_bad_rows: _SkipBadRows = False,
    retry_failed: _RetryFailed = False,
    batch: _Batch = False,
    batch_window: _BatchWindow = "24h",
    dry_run: _DryRun = False,
    expect_output: _ExpectOutput = None,
) -> int:
    """Call a model for each row; the same command again goes on where it ended."""
    settings: dict[str, Any] = {
        "output": output,
        "prompt": prompt,
        "id": id_field,
        "schema": None if schema is None else str(schema),
        "budget": budget,
        "reserve": reserve,
        "max_concurrency": max_concurrency,
        "state": state,
        "shard": shard,
        "ledger": ledger,
        "max_attempts": max_attempts,
        "skip_bad_rows": skip_bad_rows,
        "batch": batch,
        "batch_window": batch_window,
    }
    chosen = {"model": model, "gateway": gateway, "set": setting or []}
    note = {"source": source, "model": chosen, "settings": settings}
    job = _job(note, retry_failed=retry_failed)
    if dry_run:
        show_plan(plan(job, expected_output=expect_output))
        return 0
    return _run(job)


@app.command()
def status(journal: Annotated[Path, typer.Argument(help="OUTPUT.journal")]) -> int:
    """Show how far a run is, while it runs or after it; the status is 0 if all is answered."""
    with Journal(journal, read_only=True) as opened:
        last = opened.last_run()
        if last is None:
            raise JournalError(f"{journal} holds no run.")
        report = report_of(opened)
        ending = last["ending"] or "running, or killed"
        _say(f"{report}\n{report.pending} rows pending; last run: {ending}")
    return 0 if report.done == report.rows and ending == COMPLETE else 1


@app.command()
def retry(journal: Annotated[Path, typer.Argument(help="OUTPUT.journal")]) -> int:
    """Call the dead letters of a run again, as its command named model and prompt."""
    with Journal(journal, read_only=True) as opened:
        note = (opened.last_run() or {}).get("settings") or {}
    if "source" not in note:
        raise JournalError(f"{journal} was not made by `bulk run`: use `run(retry_failed=True)`.")
    note["settings"]["state"] = str(journal)
    return _run(_job(note, retry_failed=True))


@app.command()
def export(
    paths: Annotated[list[Path], typer.Argument(help="JOURNAL … OUTPUT", metavar="PATHS")],
) -> int:
    """Write the answers of journals, such as those of shards, into one file in input order."""
    *journals, output = paths
    if not journals:
        raise JournalError("Name the journals, then the output: bulk export out.journal out.jsonl")
    _say(f"{export_merged(journals, output)} rows written to {output}")
    return 0


def show_plan(planned: Plan) -> None:
    """Print what a run would send and cost."""
    _say(
        f"{planned.rows:,} rows, {planned.bad_rows:,} of them cannot be sent, "
        f"{planned.done:,} have an answer\n"
        f"about {planned.input_tokens:,} input and {planned.output_tokens:,} output tokens"
    )
    for problem in planned.problems:
        _say(f"  {problem}")
    if planned.is_free:
        _say("free: a server of your own")
    elif planned.live is None:
        _say("no price is known for this model at this gateway")
    else:
        tiers = ", ".join(f"{label}: {count:,} rows" for label, count in planned.tiers.items())
        _say(f"price tiers: {tiers}\nlive: about {planned.live}")
    if planned.batch is not None:
        _say(f"as a batch job: about {planned.batch}, {_advice(planned)}")
    for body in planned.requests:
        _say(json.dumps(body, ensure_ascii=False, indent=2))


def _advice(planned: Plan) -> str:
    if planned.break_even is None:
        return "cheaper than live calls however much of them is cached"
    share = f"{planned.shared_prefix:.0%} of the input is shared by all rows"
    verdict = "live may be cheaper" if planned.is_live_cheaper else "batch is cheaper"
    return f"cheaper while less than {planned.break_even:.0%} is cached; {share}: {verdict}"


def _job(note: dict[str, Any], *, retry_failed: bool) -> Job:
    settings = dict(note["settings"])
    settings["prompt"] = _prompt(settings["prompt"])
    if settings["schema"] is not None:
        settings["schema"] = json.loads(Path(settings["schema"]).read_text("utf-8"))
    if settings["max_concurrency"] != "auto":
        settings["max_concurrency"] = int(settings["max_concurrency"])
    if settings["ledger"] is not None:
        settings["ledger"] = _ledger(settings["ledger"])
    return Job.of(
        _model(note["model"]), note["source"], note=note, retry_failed=retry_failed, **settings
    )


def _model(chosen: dict[str, Any]) -> ChatQwen36:
    named = dict(text.partition("=")[::2] for text in chosen["set"])
    settings: dict[str, Any] = {name: _value(text) for name, text in named.items()}
    return ChatQwen36(model=chosen["model"], gateway=chosen["gateway"], **settings)


def _value(text: str) -> Any:
    """Read a setting's value as JSON, else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _prompt(text: str | None) -> str | Path | None:
    return Path(text[1:]) if text and text.startswith("@") else text


def _ledger(url: str) -> Any:
    from langchain_qwen36.spend import SpendLedger  # noqa: PLC0415 - an extra

    try:
        return SpendLedger(url)
    except LedgerError as error:
        raise LedgerError(f"--ledger: {error}") from error


def _run(job: Job) -> int:
    report: BulkReport = run_job(job)
    _say(str(report), error=True)
    if report.dead_letters is not None:
        _say(
            f"the failed rows: {report.dead_letters}; "
            f"again: python -m langchain_qwen36 bulk retry {report.state}",
            error=True,
        )
    return 0 if report.is_complete and not report.failed else 1


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout, flush=True)
