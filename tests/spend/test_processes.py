"""Processes that share a ledger and are killed: every limit holds, and nothing is lost."""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import forked
import pytest
import spend_worker
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = Decimal("0.01")
LIMITS = {"user:u0": Decimal("0.03"), "user:u1": 5, "user:u2": 5, "team:a": 3, "all": 1000}


class BillingServer(ThreadingHTTPServer):
    """A gateway that bills each request something up to the hold, and keeps its own books."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.billed: dict[str, Decimal] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, except that a client was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BillingServer

    def do_POST(self) -> None:
        """Bill a call by its run."""
        run_id = self.path.strip("/")
        cost = Decimal(int(run_id[:6], 16) % 10_001).scaleb(-6)
        self.server.billed[run_id] = cost
        body = json.dumps({"cost": f"{cost:f} USD"}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def billing_server() -> Iterator[BillingServer]:
    """Start a gateway."""
    with BillingServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def work(url: str, port: int, calls: int, most_kills: int, kill: random.Random) -> None:
    """Let a process make calls, killing and restarting it until all were made."""
    kills, left = 0, calls
    while left > 0:
        process, pipe = forked.start_piped(spend_worker.main, url, port, left)
        until = left - kill.randint(1, max(1, left))
        with pipe, suppress(EOFError):
            while pipe.recv():
                left -= 1
                if left <= until and kills < most_kills:
                    time.sleep(kill.random() * 0.01)
                    process.kill()
                    kills += 1
                    break
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)


@pytest.mark.parametrize(
    ("workers", "calls", "most_kills"),
    [
        pytest.param(2, 15, 1, id="quick", marks=pytest.mark.timeout(180)),
        pytest.param(8, 500, 3, id="full", marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
    ],
)
def test_limits_hold_and_sums_are_the_gateways_over_killed_processes(
    workers, calls, most_kills, ledger_url, open_ledger
):
    """Killed at any moment and restarted, processes pass no limit, and spent is what was billed.

    What the gateway billed and nobody lived to settle is charged as held.
    """
    ledger = open_ledger(ledger_url)
    with billing_server() as server:
        port = server.server_address[1]
        with ThreadPoolExecutor(workers) as pool:
            jobs = [
                pool.submit(work, ledger_url, port, calls, most_kills, random.Random(n))  # noqa: S311
                for n in range(workers)
            ]
            for job in jobs:
                job.result()
    with_end = "UPDATE spend_call SET lease_until = 0 WHERE state = 'open'"
    ledger._store.write(lambda connection: connection.execute(text(with_end)))
    ledger.expire()
    rows = json.loads(ledger.export("json"))["calls"]
    settled = {row["run_id"]: Decimal(row["cost"]) for row in rows if row["state"] == "settled"}
    expired = {row["run_id"] for row in rows if row["state"] == "expired"}
    assert len(settled) + len(expired) == len(rows)
    assert {run: cost for run, cost in server.billed.items() if run not in expired} == settled
    balances = {b.account: b for b in ledger.balances()}
    assert balances["all"].spent.amount == sum(settled.values()) + len(expired) * HOLD
    assert sum(1 for run in server.billed if run in expired) <= len(expired)
    for account, limit in LIMITS.items():
        assert balances[account].held.amount == 0
        assert balances[account].spent.amount <= limit
    assert balances["user:u0"].spent.amount > Decimal("0.02"), "the limit was never reached"
