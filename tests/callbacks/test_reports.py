"""Sums, reports and exports are the same numbers in other clothes."""
# ruff: noqa: RUF001 (tiers are printed with a dash between their bounds)

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from uuid import UUID

import pytest
from fake_chat_model import FakeQwen
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from langchain_core.caches import InMemoryCache
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from rich.console import Console

from langchain_qwen36.callbacks import (
    CallRecord,
    Parent,
    QwenCostCallbackHandler,
    TokenCounts,
    export_span,
    get_qwen_cost_callback,
)
from langchain_qwen36.callbacks.ledger import Ledger

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CHAIN = Parent(UUID(int=7), "agent")
BIG = {"input_tokens": 300_000, "output_tokens": 12_345, "total_tokens": 312_345}


def record(number: int = 1, **changes) -> CallRecord:
    """Return a call of 1,000 and 100 tokens at 0.0008 USD."""
    fields = {
        "run_id": UUID(int=number),
        "parents": (CHAIN,),
        "name": "ChatQwen36",
        "tags": ("plan", "cheap"),
        "model": "qwen3.6-plus",
        "gateway": "dashscope-intl",
        "tier": "≤256K",
        "tokens": TokenCounts(input=1000, output=100, cache_read=64, reasoning=70),
        "cost": Decimal("0.00080"),
        "currency": "USD",
        "input_cost": Decimal("0.0005"),
        "output_cost": Decimal("0.0003"),
        "price_source": "list",
        "estimated": False,
        "ending": "ok",
        "error": None,
        "started": START,
        "ended": START + timedelta(seconds=2),
    }
    return CallRecord(**{**fields, **changes})


UNPRICED = {"cost": None, "currency": None, "price_source": "unknown", "tier": None}
CACHED = {"cost": Decimal(0), "currency": None, "price_source": "llm_cache", "tier": None}


def handler_of(*records: CallRecord) -> QwenCostCallbackHandler:
    """Return a handler that has booked these."""
    handler = QwenCostCallbackHandler()
    for each in records:
        handler._ledger.settle(each)
    return handler


MIXED = (
    record(1),
    record(2, tier="256K–1M", cost=Decimal("0.0792")),
    record(3, model="gpt-9", **UNPRICED),
    record(4, **CACHED),
    record(5, ending="cancelled", estimated=True, error="CancelledError"),
    record(6, ending="error", cost=Decimal(0), currency=None, price_source="not_billed"),
)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param((), "0 for 0 calls (0 tokens in, 0 out)", id="nothing"),
        pytest.param(
            (record(),), "0.0008 USD for 1 call (1,000 tokens in, 100 out)", id="one-call"
        ),
        pytest.param(
            (record(3, **UNPRICED),),
            "unknown cost for 1 call (1,000 tokens in, 100 out); "
            "1 call without a known price: the cost is partial",
            id="unknown-is-not-zero",
        ),
        pytest.param(
            (record(1), record(2, currency="CNY")),
            "0.0008 CNY + 0.0008 USD for 2 calls (2,000 tokens in, 200 out)",
            id="two-currencies",
        ),
        pytest.param(
            MIXED,
            "0.0808 USD for 5 calls (5,000 tokens in, 500 out); "
            "1 call without a known price: the cost is partial; "
            "1 call estimated, for the answer was cut; 1 call aborted; 1 call failed; "
            "1 call answered by the LLM cache, at no cost",
            id="everything",
        ),
    ],
)
def test_print_says_it_in_one_line(records, expected):
    """Cost to the last digit, and all that the sum does not say by itself."""
    assert str(handler_of(*records)) == expected


def test_the_table_fits_a_terminal_and_breaks_no_amount():
    """The dearest tier first, shares of the whole, the total below."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(handler_of(*MIXED).report())

    assert [line.rstrip() for line in console.export_text().splitlines() if line.strip()] == (
        snapshot(
            [
                "                           Cost of Qwen calls",
                " Model             Tier       Calls  Tokens in  out        Cost  Share",
                " ──────────────────────────────────────────────────────────────────────",
                " qwen3.6-plus      256K–1M        1      1,000  100  0.0792 USD    98%",
                "   dashscope-intl",
                " qwen3.6-plus      ≤256K          2      2,000  200  0.0016 USD     2%",
                "   dashscope-intl",
                " gpt-9             -              1      1,000  100     unknown",
                "   dashscope-intl",
                " qwen3.6-plus      LLM cache      1      1,000  100           0",
                "   dashscope-intl",
                " qwen3.6-plus      ≤256K          1      1,000  100           0",
                "   dashscope-intl",
                " ──────────────────────────────────────────────────────────────────────",
                " Total                            5      5,000  500  0.0808 USD",
                "           1 call without a known price: the cost is partial",
                "                1 call estimated, for the answer was cut",
                "                             1 call aborted",
                "                             1 call failed",
                "              1 call answered by the LLM cache, at no cost",
            ]
        )
    )


def test_a_long_model_id_gives_way_to_the_amounts():
    """It is folded: whoever reads a bill needs its digits, and the whole name."""
    name = "accounts/a-team-with-a-long-name/models/qwen3.6-plus"
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(handler_of(record(model=name, cost=Decimal("1234.002415"))).report())

    text = console.export_text()
    assert text.count("1234.002415 USD") == 2
    assert name in "".join(line.strip().split(" ")[0] for line in text.splitlines())


class _Cells(HTMLParser):
    """Reads a table's cells, and fails on tags that do not close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.rows, self.widths = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.widths += [s.split(";")[0] for s in dict(attrs).values() if "height" in s]
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def test_a_notebook_shows_the_same_with_a_bar_for_each_tier():
    """One self-contained element: no script, no link."""
    html = handler_of(*MIXED)._repr_html_()
    page = _Cells()
    page.feed(html)

    assert page.open == []
    assert page.rows[1] == snapshot(
        ["qwen3.6-plus", "dashscope-intl", "256K–1M", "1", "1,000", "100", "0.0792 USD", "98%"]
    )
    assert page.widths == snapshot(["width:98%", "width:2%", "width:0%", "width:0%", "width:0%"])
    assert "http" not in html


def test_names_are_escaped_in_html_and_in_the_table():
    """A model's name may come from anywhere."""
    handler = handler_of(record(model="<script>x</script>"), record(2, model="[red]m"))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(handler.report())

    assert "<script>" not in handler._repr_html_()
    assert "[red]m" in console.export_text()


def test_without_rich_the_report_names_the_extra(monkeypatch):
    """And points to what works without it."""
    monkeypatch.setitem(sys.modules, "rich.table", None)

    with pytest.raises(ImportError, match=r"langchain-qwen36\[report\]"):
        handler_of().report()


def test_json_keeps_its_schema():
    """Amounts are decimal texts, what is unknown is null."""
    document = json.loads(handler_of(record(), record(3, **UNPRICED)).to_json())

    assert document["runs"][0] == snapshot(
        {
            "run_id": "00000000-0000-0000-0000-000000000001",
            "parent_run_id": "00000000-0000-0000-0000-000000000007",
            "parents": [{"run_id": "00000000-0000-0000-0000-000000000007", "name": "agent"}],
            "name": "ChatQwen36",
            "tags": ["plan", "cheap"],
            "model": "qwen3.6-plus",
            "gateway": "dashscope-intl",
            "tier": "≤256K",
            "tokens": {
                "input": 1000,
                "output": 100,
                "cache_read": 64,
                "cache_write": 0,
                "reasoning": 70,
            },
            "cost": "0.0008",
            "currency": "USD",
            "input_cost": "0.0005",
            "output_cost": "0.0003",
            "list_cost": None,
            "price_source": "list",
            "estimated": False,
            "ending": "ok",
            "error": None,
            "started": "2026-11-21T09:00:00+00:00",
            "request_id": None,
            "response_id": None,
            "response_model": None,
            "attempts": 1,
            "billed_attempts": [],
            "metadata": {},
            "tool": None,
            "ended": "2026-11-21T09:00:02+00:00",
        }
    )
    assert document["total"] == snapshot(
        {
            "calls": 2,
            "cached_calls": 0,
            "failed_calls": 0,
            "aborted_calls": 0,
            "estimated_calls": 0,
            "unpriced_calls": 1,
            "priced_as_calls": 0,
            "partial": True,
            "tokens": {
                "input": 2000,
                "output": 200,
                "cache_read": 128,
                "cache_write": 0,
                "reasoning": 140,
            },
            "llm_cache_tokens": {
                "input": 0,
                "output": 0,
                "cache_read": 0,
                "cache_write": 0,
                "reasoning": 0,
            },
            "costs": {"USD": "0.0008"},
        }
    )
    assert {key: list(value) for key, value in document.items() if key.startswith("by_")} == (
        snapshot(
            {
                "by_model": ["qwen3.6-plus"],
                "by_gateway": ["dashscope-intl"],
                "by_tier": ["≤256K", "null"],
                "by_tag": ["plan", "cheap"],
            }
        )
    )
    assert (document["schema"], document["runs"][1]["cost"]) == (1, None)


def test_csv_has_a_line_per_call(tmp_path):
    """Written to a file where a path is given; an unknown cost is an empty cell."""
    path = tmp_path / "costs.csv"
    text = handler_of(record(), record(3, **UNPRICED)).to_csv(path)

    first, second = csv.DictReader(io.StringIO(text))
    assert first == snapshot(
        {
            "run_id": "00000000-0000-0000-0000-000000000001",
            "parent_run_id": "00000000-0000-0000-0000-000000000007",
            "name": "ChatQwen36",
            "model": "qwen3.6-plus",
            "gateway": "dashscope-intl",
            "tier": "≤256K",
            "input_tokens": "1000",
            "output_tokens": "100",
            "cache_read_tokens": "64",
            "cache_write_tokens": "0",
            "reasoning_tokens": "70",
            "cost": "0.0008",
            "currency": "USD",
            "input_cost": "0.0005",
            "output_cost": "0.0003",
            "price_source": "list",
            "estimated": "False",
            "ending": "ok",
            "error": "",
            "started": "2026-11-21T09:00:00+00:00",
            "ended": "2026-11-21T09:00:02+00:00",
            "tags": "plan cheap",
            "request_id": "",
            "response_id": "",
            "response_model": "",
            "attempts": "1",
            "tool": "",
            "metadata": "",
        }
    )
    assert (second["cost"], second["currency"]) == ("", "")
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_csv_is_a_formula(begins: str) -> None:
    """What a server or a caller names gets an apostrophe where a spreadsheet would run it."""
    evil = f"{begins}HYPERLINK(1)"
    text = handler_of(record(name=evil, model=evil, tags=(evil,), error=evil)).to_csv()
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    assert {line[name] for name in ("name", "model", "tags", "error")} == {f"'{evil}"}
    assert line["cost"] == "0.0008"


def test_a_real_run_can_be_exported():
    """From calls to files, with a cache hit and a tier above the first."""
    with get_qwen_cost_callback() as cb:
        model = FakeQwen(cache=InMemoryCache(), usage=BIG)
        model.invoke("hi")
        model.invoke("hi")

    lines = list(csv.DictReader(io.StringIO(cb.to_csv())))
    assert [line["price_source"] for line in lines] == ["list", "llm_cache"]
    assert json.loads(cb.to_json())["total"]["costs"] == {"USD": "0.67407"}


# --- the ledger ---

CURRENCIES = st.sampled_from(["USD", "CNY"])
RECORDS = st.lists(
    st.builds(
        lambda number, cost, currency, model, tags, ending: record(
            number,
            cost=cost,
            currency=None if cost is None else currency,
            price_source="unknown" if cost is None else "list",
            model=model,
            tags=tuple(tags),
            ending=ending,
        ),
        number=st.integers(0, 30),
        cost=st.none() | st.decimals(0, 100, places=9),
        currency=CURRENCIES,
        model=st.sampled_from(["a", "b", None]),
        tags=st.lists(st.sampled_from(["x", "y"]), max_size=2),
        ending=st.sampled_from(["ok", "error", "cancelled", "abandoned"]),
    ),
    max_size=60,
)


def charged(records):
    """Sum what a budget is charged: an end without a price leaves the estimate before it."""
    charges, final = {}, set()
    for each in records:
        if each.run_id not in final:
            if each.cost is not None:
                charges[each.run_id] = (each.currency, each.cost)
            final |= {each.run_id} if each.ending in ("ok", "error") else set()
    currencies = {currency for currency, _ in charges.values()}
    sums = {name: sum(c for n, c in charges.values() if n == name) for name in currencies}
    return {currency: cost for currency, cost in sums.items() if cost}


@given(RECORDS)
def test_all_sums_agree_with_the_records(records):
    """Totals and groups are one sum, whatever was booked twice; a budget forgets no charge."""
    handler = handler_of(*records)
    expected = {}
    for each in handler.runs:
        if each.cost is not None:
            expected[each.currency] = expected.get(each.currency, 0) + each.cost

    by_model = {}
    for summary in handler.by_model().values():
        for currency, cost in summary.costs.items():
            by_model[currency] = by_model.get(currency, 0) + cost
    spent = {currency: cost for currency, cost in handler._ledger.spent.items() if cost}
    assert handler.costs == by_model == expected
    assert spent == charged(records)
    assert handler.summary(CHAIN.run_id) == handler.summary()
    assert len({each.run_id for each in handler.runs}) == len(handler.runs)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param("ok", "error", "ok", id="ended-stays"),
        pytest.param("error", "ok", "error", id="failed-stays"),
        pytest.param("abandoned", "ok", "ok", id="given-up-then-ended"),
        pytest.param("cancelled", "ok", "ok", id="cancelled-then-ended"),
    ],
)
def test_a_run_is_booked_once(first, second, kept):
    """Only a call that was given up is booked anew."""
    ledger = Ledger()
    ledger.settle(record(ending=first))
    ledger.settle(record(ending=second, cost=Decimal(1)))

    assert [each.ending for each in ledger.records] == [kept]
    assert ledger.spent == {"USD": Decimal(1) if kept == second else Decimal("0.0008")}


# --- OpenTelemetry ---


@pytest.fixture
def spans():
    """Return a provider, and the spans it was given."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


def test_a_call_becomes_a_span_of_the_genai_conventions(spans):
    """With the cost keys that the conventions' authors agreed on (semconv-genai #443)."""
    provider, exporter = spans
    export_span(record(price_source="reported"), provider)

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind, span.status.is_ok) == ("chat qwen3.6-plus", SpanKind.CLIENT, True)
    assert span.end_time - span.start_time == 2_000_000_000
    assert dict(span.attributes) == snapshot(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "dashscope-intl",
            "gen_ai.request.model": "qwen3.6-plus",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 64,
            "gen_ai.usage.cache_creation.input_tokens": 0,
            "gen_ai.usage.reasoning.output_tokens": 70,
            "langchain_qwen36.price_tier": "≤256K",
            "langchain_qwen36.estimated": False,
            "gen_ai.usage.cost": 0.0008,
            "gen_ai.usage.cost.amount": 0.0008,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "provider",
        }
    )


def test_a_cost_we_worked_out_is_called_local(spans):
    """The proposal tells the provider's word from ours."""
    provider, exporter = spans
    export_span(record(), provider)

    (span,) = exporter.get_finished_spans()
    assert span.attributes["gen_ai.usage.cost.source"] == "local"


def test_a_failed_calls_span_says_so_and_leaves_out_what_is_unknown(spans):
    """An unknown cost has no attribute: 0 would be a lie."""
    provider, exporter = spans
    export_span(record(ending="error", error="RateLimitError", **UNPRICED), provider)

    (span,) = exporter.get_finished_spans()
    assert (span.status.is_ok, span.attributes["error.type"]) == (False, "RateLimitError")
    assert not [name for name in span.attributes if "cost" in name]


def test_spans_stand_under_the_span_of_the_caller(spans):
    """As a handler's `on_record`, in the caller's own context."""
    provider, exporter = spans
    handler = QwenCostCallbackHandler(on_record=lambda each: export_span(each, provider))
    with provider.get_tracer("app").start_as_current_span("request") as request:
        FakeQwen().invoke("hi", {"callbacks": [handler]})

    call = exporter.get_finished_spans()[0]
    assert call.parent.span_id == request.get_span_context().span_id


def test_without_opentelemetry_the_span_names_the_extra(monkeypatch):
    """Only when it is asked for."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(ImportError, match=r"langchain-qwen36\[otel\]"):
        export_span(record())
