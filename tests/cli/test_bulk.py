"""`python -m langchain_qwen36 bulk`: run, dry run, status, retry, export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from bulk_runs import numbered, read_rows, write_rows
from loopback import Raw

from langchain_qwen36.bulk.journal import Journal
from langchain_qwen36.bulk.types import Candidate, Outcome, Turn
from langchain_qwen36.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def server(gateway_server, monkeypatch):
    """Return a gateway on this machine whose key and address are in the environment."""
    server = gateway_server("dashscope")
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    return server


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command of a run over ten rows, in their folder."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "in.jsonl", numbered(10))
    (tmp_path / "p.txt").write_text("Say {text}")
    model = ["--model", "qwen3.6-flash", "--set", "enable_thinking=false"]
    return ["bulk", "run", "in.jsonl", "out.jsonl", *model, "--prompt", "@p.txt"]


def test_a_run_writes_answers_and_says_what_they_cost(server, command, tmp_path, capsys) -> None:
    """`bulk run` writes the output and reports rows and cost; again it pays nothing."""
    assert main([*command, "--budget", "5 CNY"]) == 0
    assert "10 of 10 rows answered" in capsys.readouterr().err
    assert len(read_rows(tmp_path / "out.jsonl")) == 10
    assert main(command) == 0
    assert "10 from earlier runs" in capsys.readouterr().err
    assert len(server.requests) == 10


def test_a_dry_run_sends_nothing(server, command, tmp_path, capsys) -> None:
    """`--dry-run` shows rows, tokens, tiers, live and batch price, and three requests."""
    assert main([*command, "--dry-run", "--expect-output", "100"]) == 0
    shown = capsys.readouterr().out
    for part in ("10 rows", "1,000 output tokens", "price tiers:", "live: about", "batch job:"):
        assert part in shown
    assert shown.count('"messages"') == 3
    assert '"Say number 2"' in shown
    assert server.requests == []
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


@pytest.mark.parametrize("setting", ["thinking_budget=500", "reasoning_effort=high"])
def test_a_dry_run_reckons_with_thinking_by_any_setting(server, setting, command, capsys) -> None:
    """qwen-plus bills answers after thoughts at more than three times the rate of others."""
    run = [*command[:4], "--model", "qwen-plus", "--prompt", "@p.txt", "--dry-run"]

    def live(*settings: str) -> str:
        assert main([*run, *settings]) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if "live:" in line)

    assert live("--set", setting) == live("--set", "enable_thinking=true") != live()


def test_a_dry_run_counts_what_a_schema_adds(server, command, tmp_path, capsys) -> None:
    """The schema goes out with each row as a tool, and is read as input each time."""
    schema = {"title": "City", "type": "object", "description": "long " * 500, "properties": {}}
    (tmp_path / "city.json").write_text(json.dumps(schema))

    def tokens(*options: str) -> int:
        assert main([*command, "--dry-run", *options]) == 0
        line = next(line for line in capsys.readouterr().out.splitlines() if "input and" in line)
        return int(line.split()[1].replace(",", ""))

    assert tokens("--schema", "city.json") > tokens() + 10 * 500


def test_a_server_of_your_own_is_free(command, capsys) -> None:
    """A dry run at it says so, where a gateway without a known price says that it is not known."""
    for gateway, expected in (("vllm", "free: a server of your own"), ("ollama", "free: a")):
        assert main([*command, "--gateway", gateway, "--dry-run"]) == 0
        assert expected in capsys.readouterr().out


def test_failed_rows_are_retried_by_name_of_the_journal(server, command, tmp_path, capsys) -> None:
    """A dead letter makes the status 1; `bulk retry` calls it again with the run's settings."""
    server.script(Raw(status=400, body={"error": {"message": "bad"}}))
    assert main(command) == 1
    assert "bulk retry out.jsonl.journal" in capsys.readouterr().err
    assert main(["bulk", "status", "out.jsonl.journal"]) == 1
    assert "9 of 10 rows answered; 1 failed" in capsys.readouterr().out
    assert main(["bulk", "retry", "out.jsonl.journal"]) == 0
    assert main(["bulk", "status", "out.jsonl.journal"]) == 0
    assert len(server.requests) == 11


def test_a_run_that_was_stopped_is_not_all_answered(command, capsys) -> None:
    """Rows that were never read have no answer, though all that were read have one."""
    with Journal("out.jsonl.journal") as journal:
        run = journal.begin_run("fingerprint", {})
        journal.admit(run, [Candidate("ab", 0, 1, "a")])
        journal.apply([Turn(Outcome(key="ab", state="done", answer={"answer": "x"}))])
        journal.end_run(run, "interrupted", read_whole_input=False)
    assert main(["bulk", "status", "out.jsonl.journal"]) == 1
    assert "last run: interrupted" in capsys.readouterr().out


def test_shards_are_exported_together(server, command, tmp_path, capsys) -> None:
    """`bulk export` merges the journals of shards."""
    for shard in ("1/2", "2/2"):
        assert main([*command, "--shard", shard, "--state", f"{shard[0]}.journal"]) == 0
    assert main(["bulk", "export", "1.journal", "2.journal", "all.jsonl"]) == 0
    assert [row["id"] for row in read_rows(tmp_path / "all.jsonl")] == [f"r{n}" for n in range(10)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["status", "no.journal"], "There is no journal no.journal", id="status"),
        pytest.param(["retry", "no.journal"], "There is no journal no.journal", id="retry"),
        pytest.param(["export", "o.jsonl"], "Name the journals", id="export"),
        pytest.param(["run", "no.jsonl", "o.jsonl", "--model", "m"], "no file no.jsonl", id="run"),
        pytest.param(["run", "no.jsonl"], "Missing", id="usage"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    server, command, capsys, arguments: list[str], message: str
) -> None:
    """A wrong argument is one line on standard error, without a traceback."""
    assert main(["bulk", *arguments]) != 0
    assert message in capsys.readouterr().err


def test_a_json_schema_from_a_file_is_what_answers_are_parsed_into(
    server, command, tmp_path
) -> None:
    """`--schema FILE` gives parsed objects in the output."""
    schema = {"title": "City", "type": "object", "properties": {"name": {"type": "string"}}}
    (tmp_path / "city.json").write_text(json.dumps(schema | {"required": ["name"]}))
    assert main([*command, "--schema", "city.json"]) == 0
    assert all("name" in row["parsed"] for row in read_rows(tmp_path / "out.jsonl"))
