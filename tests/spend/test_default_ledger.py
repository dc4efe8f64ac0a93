"""A budget per user that names no ledger: one file for each working directory."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import budget_worker
import forked
import pytest
from budget_worker import CONFIG, QUESTION, ask
from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.cli import main
from langchain_qwen36.errors import LedgerError
from langchain_qwen36.middleware import CostBudgetMiddleware
from langchain_qwen36.spend import default, environment


@pytest.mark.timeout(180)
def test_processes_share_the_budget_of_a_user(gateway_server):
    """Three workers and a restart of them make the one call that a user's budget has money for."""
    gateway = gateway_server("dashscope-intl")
    arguments = (dict(os.environ), gateway.base_url, gateway.key)
    for _ in range(2):
        workers = [forked.start(budget_worker.main, *arguments) for _ in range(3)]
        for process in workers:
            process.join()
        assert [process.exitcode for process in workers] == [0, 0, 0]
        assert len(gateway.requests) == 1


def test_another_directory_has_another_ledger(gateway_server, tmp_path, monkeypatch):
    """A program that runs elsewhere does not find the money of its users spent."""
    gateway = gateway_server("dashscope-intl")
    reasons = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        reasons.append(ask(gateway.base_url, gateway.key))
    assert reasons == [None, None]


def test_the_environment_names_the_ledger(gateway_server, tmp_path, monkeypatch):
    """`QWEN36_LEDGER` is where users' budgets are kept."""
    gateway = gateway_server("dashscope-intl")
    monkeypatch.setenv("QWEN36_LEDGER", f"sqlite:///{tmp_path}/own.db")
    ask(gateway.base_url, gateway.key)
    assert (tmp_path / "own.db").exists()
    assert not (tmp_path / "state").exists()


def test_users_count_in_this_process_alone(gateway_server, tmp_path):
    """`users=` is in place of a ledger: nothing is written, and another mapping begins anew."""
    gateway = gateway_server("dashscope-intl")
    assert [ask(gateway.base_url, gateway.key, users={}) for _ in range(2)] == [None, None]
    assert not (tmp_path / "state").exists()


def test_the_command_line_finds_the_default_ledger(gateway_server, capsys):
    """A refused user is topped up by the command that the refusal names."""
    gateway = gateway_server("dashscope-intl")
    ask(gateway.base_url, gateway.key)
    reason = ask(gateway.base_url, gateway.key)
    assert "`python -m langchain_qwen36 spend budgets top-up user:u1 AMOUNT`" in reason
    assert main(["spend", "budgets", "top-up", "user:u1", "1 USD"]) == 0
    assert "1.00002 USD" in capsys.readouterr().out
    assert ask(gateway.base_url, gateway.key) is None


def test_an_async_agent_opens_it_outside_the_event_loop(gateway_server, monkeypatch):
    """The file is made in a thread, so that the event loop does not wait for a disk."""
    gateway, threads = gateway_server("dashscope-intl"), []
    original = default._make_folder

    def make_folder(url: str) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        threads.append(url)
        original(url)

    monkeypatch.setattr(default, "_make_folder", make_folder)
    model = ChatQwen36(
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        base_url=gateway.base_url,
        api_key=gateway.key,
    )
    agent = create_agent(model, [], middleware=[CostBudgetMiddleware("1 USD", per="user")])
    asyncio.run(agent.ainvoke(QUESTION, CONFIG))
    assert threads == [environment.default_url()]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_ledger_that_cannot_be_opened_names_the_ways_out(gateway_server, kind):
    """Nothing is sent where the state folder cannot be written or the file is of another kind."""
    gateway = gateway_server("dashscope-intl")
    if kind == "folder":
        Path(os.environ["XDG_STATE_HOME"]).write_text("no folder")
    else:
        environment.default_path().parent.mkdir(parents=True)
        environment.default_path().write_text("a letter " * 200)
    with pytest.raises(LedgerError, match=r"QWEN36_LEDGER.*`ledger=`.*`users=\{\}`"):
        ask(gateway.base_url, gateway.key)
    assert gateway.requests == []


def test_without_the_extra_a_budget_per_user_is_refused_when_it_is_made(monkeypatch):
    """It could not be shared by workers, so it names the extra, and the way to count alone."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(LedgerError, match=r"langchain-qwen36\[ledger\].*`users=\{\}`"):
        CostBudgetMiddleware("1 USD", per="user")
    CostBudgetMiddleware("1 USD", per="user", users={})
