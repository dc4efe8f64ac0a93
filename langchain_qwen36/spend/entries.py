"""The start and the end of an attempt, as a ledger receives them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from langchain_qwen36.pricing import Money
from langchain_qwen36.spend.accounts import Attribution, Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """An attempt that is about to be sent."""

    run_id: str
    """LangChain's id of the call."""
    attempt: int = 1
    """Number of the attempt within the call, from 1."""
    model: str = ""
    """The requested model."""
    gateway: str = ""
    """The gateway that it is sent to."""
    hold: Money | None = None
    """The amount to hold; None: nothing is held, and only earlier spending can refuse it."""
    certain: Money | None = None
    """The part of `hold` that is no guess: if nothing else is spent or held, a limit admits the
    call by this part alone. None: all of it."""
    refuse_unpriced: bool = False
    """Whether a limit refuses a call without a hold, whose cost cannot be known."""
    attribution: Attribution = field(default_factory=Attribution)
    """The user, team and other dimensions that the attempt is charged to."""
    limits: tuple[Limit, ...] = ()
    """Limits of the caller's own, beside the ledger's; they apply whoever the call is charged
    to."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the attempt began; it counts in the windows of that moment."""

    id: str = field(init=False)
    """The key of its row: a second reservation or end changes nothing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.run_id}:{self.attempt}")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of an attempt, with its cost."""

    cost: Money | None
    """The cost; None: unknown, so the hold stays charged."""
    source: str = "list"
    """The source of the cost, a `callbacks.records.PriceSource`."""
    listed: Money | None = None
    """The list price, if the gateway reported another cost."""
    estimated: bool = False
    """Whether the tokens are an estimate."""
    ending: str = "ok"
    """How it ended, a `callbacks.records.Ending`; `cancelled` and `abandoned` may be replaced."""
    error: str = ""
    """The name of the error that ended the attempt."""
    model: str = ""
    """The model that answered."""
    gateway: str = ""
    """The gateway that answered."""
    tier: str = ""
    """The label of the price tier."""
    request_id: str = ""
    """The gateway's id of the request."""
    response_id: str = ""
    """The id of the completion."""
    input_tokens: int = 0
    """All input tokens, cached ones included."""
    output_tokens: int = 0
    """All output tokens, reasoning included."""
    cache_read_tokens: int = 0
    """The part of the input that was read from a cache."""
    cache_write_tokens: int = 0
    """The part of the input that was written to a cache."""
    reasoning_tokens: int = 0
    """The part of the output that is reasoning."""
    ended: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the attempt ended."""


def as_json(start: Start, end: End | None) -> dict[str, Any]:
    """Convert an entry to JSON for a spool."""
    row = asdict(start)
    del row["id"]
    row["started"] = start.started.isoformat()
    row |= {key: str(m) if (m := getattr(start, key)) else None for key in ("hold", "certain")}
    row["limits"] = [[r.account, str(r.money), r.per, r.zone] for r in start.limits]
    if end is None:
        return {"start": row, "end": None}
    done = asdict(end) | {"ended": end.ended.isoformat()}
    done |= {key: str(m) if (m := getattr(end, key)) else None for key in ("cost", "listed")}
    return {"start": row, "end": done}


def from_json(entry: dict[str, Any]) -> tuple[Start, End | None]:
    """Convert the JSON of a spool to an entry."""
    row, done = dict(entry["start"]), entry["end"]
    attribution = dict(row["attribution"])
    row["attribution"] = Attribution(**{**attribution, "tags": tuple(attribution["tags"])})
    row["limits"] = tuple(Limit(*limit) for limit in row["limits"])
    row |= {key: _money(row[key]) for key in ("hold", "certain")}
    start = Start(**{**row, "started": datetime.fromisoformat(row["started"])})
    if done is None:
        return start, None
    amounts = {key: _money(done[key]) for key in ("cost", "listed")}
    return start, End(**{**done, **amounts, "ended": datetime.fromisoformat(done["ended"])})


def _money(text: str | None) -> Money | None:
    return Money.parse(text) if text else None
