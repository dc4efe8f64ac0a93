"""A process that makes calls and may be killed at any moment."""

from __future__ import annotations

import http.client
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Attribution, End, Limit, SpendLedger, Start

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LIMITS = [
    Limit("user:u0", "0.03 USD"),
    Limit("user:*", "5 USD", per="day", zone="Asia/Shanghai"),
    Limit("team:a", "3 USD", per="month"),
    Limit("all", "1000 USD"),
]
HOLD = Money.parse("0.01 USD")


def main(pipe: Connection, url: str, port: int, number: int) -> None:
    """Make calls until there were so many, admitted or refused; say so of each."""
    spool = Path(tempfile.gettempdir()) / uuid4().hex
    ledger = SpendLedger(url, limits=LIMITS, lease=timedelta(minutes=5), spool=spool)
    server = http.client.HTTPConnection("127.0.0.1", port)
    for n in range(number):
        user, team = f"u{n % 3}", "ab"[n % 2]
        start = Start(
            run_id=uuid4().hex,
            model="m",
            gateway="g",
            hold=HOLD,
            attribution=Attribution(user=user, team=team),
        )
        try:
            ledger.reserve(start)
        except BudgetExceededError:
            pipe.send("refused")
            continue
        server.request("POST", f"/{start.run_id}")
        bill = json.loads(server.getresponse().read())
        ledger.settle(start, End(cost=Money.parse(bill["cost"])))
        pipe.send("made")
    ledger.close()
