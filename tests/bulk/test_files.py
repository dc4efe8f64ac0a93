"""What a run reads and writes: JSONL, CSV, Parquet, iterables; prompts; shards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from bulk_runs import PROMPT, model_of, numbered, read_rows, write_rows
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pyarrow import parquet
from pydantic import BaseModel

from langchain_qwen36 import bulk
from langchain_qwen36.bulk.export import export_merged
from langchain_qwen36.errors import BulkInputError, JournalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback import LoopbackGateway


@pytest.fixture
def server(gateway_server: Callable[..., LoopbackGateway]) -> LoopbackGateway:
    """Serve a gateway."""
    return gateway_server()


def write_csv(path: Path) -> Path:
    """Write two rows, one with a line break inside."""
    path.write_bytes('\ufeffid,text\r\na,"one, two"\r\nb,"two\r\nlines"\r\n'.encode())
    return path


def write_parquet(path: Path) -> Path:
    """Write the same two rows."""
    table = pa.table({"id": ["a", "b"], "text": ["one, two", "two\r\nlines"]})
    parquet.write_table(table, path)
    return path


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: write_csv(folder / "in.csv"), id="csv"),
        pytest.param(lambda folder: write_parquet(folder / "in.parquet"), id="parquet"),
        pytest.param(
            lambda _: iter([{"id": "a", "text": "one, two"}, {"id": "b", "text": "two\r\nlines"}]),
            id="iterator",
        ),
    ],
)
def test_each_kind_of_input_is_read(server: LoopbackGateway, tmp_path: Path, make: Any) -> None:
    """CSV, Parquet and iterators give the same rows as JSONL does."""
    output = tmp_path / "out.jsonl"
    bulk.run(model_of(server), make(tmp_path), output=output, prompt=PROMPT)
    assert [(row["id"], row["answer"]) for row in read_rows(output)] == [
        ("a", "You said: Say one, two"),
        ("b", "You said: Say two\r\nlines"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("text\na\nb,c\n", "line 3: it has 2 cells", id="cells"),
        pytest.param('text\na\n"b\n', "line 3: it is no CSV", id="quote"),
        pytest.param("txt\na\n", "line 2: it has no field 'text'", id="field"),
        pytest.param("text,text\na,b\n", "several columns are named text", id="columns"),
    ],
)
def test_a_bad_csv_is_named_by_line(
    server: LoopbackGateway, tmp_path: Path, text: str, problem: str
) -> None:
    """A CSV row that is none is named with its line before anything is sent."""
    source = tmp_path / "in.csv"
    source.write_text(text)
    with pytest.raises(BulkInputError, match=problem):
        bulk.run(model_of(server), source, output=tmp_path / "o.jsonl", prompt=PROMPT)
    assert server.requests == []


def test_parquet_output_holds_exact_costs(server: LoopbackGateway, tmp_path: Path) -> None:
    """A Parquet output has a row each, with tokens and the exact cost as columns."""
    output = tmp_path / "out.parquet"
    report = bulk.run(model_of(server), numbered(5), output=output, prompt=PROMPT)
    rows = parquet.read_table(output).to_pylist()
    assert [row["id"] for row in rows] == [f"r{n}" for n in range(5)]
    assert sum(row["cost"] for row in rows) == report.cost["CNY"]
    assert sum(row["total_tokens"] for row in rows) == report.usage["total_tokens"]


MESSAGES = [{"role": "system", "content": "Be {tone}."}, {"role": "user", "content": "{text}"}]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _: MESSAGES, id="messages"),
        pytest.param(
            lambda _: ChatPromptTemplate([("system", "Be {tone}."), ("user", "{text}")]),
            id="template",
        ),
        pytest.param(lambda folder: folder / "p.json", id="json"),
        pytest.param(lambda folder: folder / "p.yaml", id="yaml"),
    ],
)
def test_each_form_of_a_prompt_makes_the_same_request(
    server: LoopbackGateway, tmp_path: Path, make: Any
) -> None:
    """Messages, LangChain's template and files of messages send the same messages."""
    (tmp_path / "p.json").write_text(json.dumps(MESSAGES))
    (tmp_path / "p.yaml").write_text(
        '- {role: system, content: "Be {tone}."}\n- {role: user, content: "{text}"}\n'
    )
    row = {"tone": "kind", "text": "Hi {x}"}
    bulk.run(model_of(server), [row], output=tmp_path / "o.jsonl", prompt=make(tmp_path))
    assert server.bodies[0]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi {x}"},
    ]


def test_rows_may_have_messages_of_their_own(server: LoopbackGateway, tmp_path: Path) -> None:
    """Without a prompt each row brings its messages."""
    rows = [{"messages": [{"role": "user", "content": f"n{n}"}]} for n in range(3)]
    bulk.run(model_of(server), rows, output=tmp_path / "o.jsonl")
    assert sorted(body["messages"][0]["content"] for body in server.bodies) == ["n0", "n1", "n2"]


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


def test_a_schema_gives_parsed_objects(server: LoopbackGateway, tmp_path: Path) -> None:
    """With a schema the output has the parsed object, and usage and cost all the same."""
    output = tmp_path / "o.jsonl"
    report = bulk.run(model_of(server), numbered(3), output=output, prompt=PROMPT, schema=City)
    assert all(set(row["parsed"]) == {"name", "inhabitants"} for row in read_rows(output))
    assert all(row["cost"] > 0 for row in read_rows(output))
    assert report.done == 3


def test_a_chain_is_run_and_its_calls_are_priced(server: LoopbackGateway, tmp_path: Path) -> None:
    """A chain gets the row itself; what its calls cost is summed, and it is not paid again."""
    chain = (
        ChatPromptTemplate([("user", "{text}")])
        | model_of(server)
        | RunnableLambda(lambda message: {"length": len(message.text)})
    )
    output = tmp_path / "o.jsonl"
    first = bulk.run(chain, numbered(4), output=output)
    assert [row["parsed"] for row in read_rows(output)] == [{"length": 18}] * 4
    assert all(row["cost"] > 0 and row["usage"]["total_tokens"] > 0 for row in read_rows(output))
    again = bulk.run(chain, numbered(4), output=output)
    assert (first.calls, again.calls, again.done) == (4, 0, 4)


def test_identical_rows_are_each_answered(server: LoopbackGateway, tmp_path: Path) -> None:
    """Rows with one and the same prompt are separate calls, and each is paid once."""
    rows = [{"text": "same"}] * 300
    output = tmp_path / "o.jsonl"
    first = bulk.run(model_of(server), rows, output=output, prompt=PROMPT)
    again = bulk.run(model_of(server), rows, output=output, prompt=PROMPT)
    assert (first.calls, again.calls, again.done) == (300, 0, 300)
    assert [row["id"] for row in read_rows(output)] == [str(n) for n in range(1, 301)]


def test_shards_are_merged_in_input_order(server: LoopbackGateway, tmp_path: Path) -> None:
    """Two shards answer each row once, and their journals merge into one output."""
    source = write_rows(tmp_path / "in.jsonl", numbered(60))
    reports = [
        bulk.run(
            model_of(server), source, output=tmp_path / f"{n}.jsonl", prompt=PROMPT, shard=f"{n}/2"
        )
        for n in (1, 2)
    ]
    assert sum(report.done for report in reports) == len(server.requests) == 60
    assert all(20 <= report.done <= 40 and report.is_complete for report in reports)
    merged = tmp_path / "all.jsonl"
    journals = [report.state for report in reports]
    assert export_merged(journals, merged) == 60
    assert [row["id"] for row in read_rows(merged)] == [f"r{n}" for n in range(60)]
    with pytest.raises(JournalError, match="two journals"):
        export_merged([journals[0], *journals], merged)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"output": "o.txt"}, "must end in .jsonl or .parquet", id="output"),
        pytest.param({"output": "no/o.jsonl"}, "no folder", id="folder"),
        pytest.param({}, "Give `output=`", id="nowhere"),
        pytest.param({"shard": "3/2"}, "shard", id="shard"),
        pytest.param({"max_concurrency": 0}, "max_concurrency=0", id="concurrency"),
        pytest.param({"prompt": "{a"}, "no template", id="prompt"),
        pytest.param({"prompt": 5}, "must be text, Path, messages", id="prompt-type"),
        pytest.param({"prompt": []}, "has no message", id="prompt-empty"),
        pytest.param({"prompt": [5]}, "no template", id="prompt-message"),
        pytest.param({"max_attempts": 0}, "max_attempts=0 must be 1 or more", id="attempts"),
        pytest.param({"max_attempts": "5"}, "max_attempts='5'", id="attempts-text"),
        pytest.param({"reserve": "most"}, '"likely", "worst", or an amount', id="reserve"),
        pytest.param({"budget": 5}, 'write it like "0.50 USD"', id="budget"),
        pytest.param({"batch_window": "1h"}, "24h or more", id="window"),
        pytest.param({"id": 0}, "the name of the field", id="id"),
        pytest.param({"output": "."}, "must end in", id="no-name"),
        pytest.param({"output": "folder.jsonl"}, "is a folder", id="output-folder"),
        pytest.param({"state": "o.jsonl"}, "would be the output and the journal", id="state"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    server: LoopbackGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    message: str,
) -> None:
    """A wrong setting is named before the input is read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.jsonl").mkdir()
    known = {"output": "o.jsonl"} if settings and "output" not in settings else {}
    with pytest.raises(BulkInputError, match=message):
        bulk.run(model_of(server), numbered(1), **known, **settings)


@pytest.mark.parametrize("name", ["in.jsonl", "o.dead_letters.jsonl"])
def test_a_run_never_writes_over_its_own_input(
    server: LoopbackGateway, tmp_path: Path, name: str
) -> None:
    """An input that the run would replace, as output or as dead letters, is refused and stays."""
    source = write_rows(tmp_path / name, numbered(1))
    before = source.read_bytes()
    output = source if name == "in.jsonl" else tmp_path / "o.jsonl"
    with pytest.raises(BulkInputError, match="would be the input and"):
        bulk.run(model_of(server), source, output=output, prompt=PROMPT)
    assert source.read_bytes() == before
    assert server.requests == []


class Table:
    """Iterates over the names of its columns, as pandas's table does."""

    def __iter__(self) -> Any:
        return iter(["text"])

    def iterrows(self) -> Any:
        """Yield the rows, which no run asks for."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(Table(), r'pass its `to_dict\("records"\)`', id="table"),
        pytest.param({"train": [{"text": "a"}]}, "dataset", id="splits"),
        pytest.param(b"a", "not bytes", id="bytes"),
        pytest.param(5, "not int", id="number"),
    ],
)
def test_what_iterates_over_no_rows_is_refused(
    server: LoopbackGateway, tmp_path: Path, source: Any, message: str
) -> None:
    """A table or a mapping gives names, each of which would be sent as if it were a row's text."""
    with pytest.raises(BulkInputError, match=message):
        bulk.run(model_of(server), source, output=tmp_path / "out.jsonl", prompt=PROMPT)
    assert server.requests == []


@pytest.mark.parametrize("messages", ["hi", {"role": "user", "content": "hi"}, [], 5], ids=repr)
def test_messages_of_a_row_that_are_no_list_are_refused(
    server: LoopbackGateway, tmp_path: Path, messages: Any
) -> None:
    """LangChain takes each letter of a text, and each key of an object, for a message."""
    with pytest.raises(BulkInputError, match="'messages' must be a list of messages"):
        bulk.run(model_of(server), [{"messages": messages}], output=tmp_path / "out.jsonl")
    assert server.requests == []


def test_half_an_emoji_is_sent_alike_in_a_text_and_in_messages(
    server: LoopbackGateway, tmp_path: Path
) -> None:
    """A lone surrogate is replaced as in `invoke`, whichever form the prompt has."""
    rows: list[dict[str, Any]] = [{"messages": [{"role": "user", "content": "a\ud83d"}]}]
    report = bulk.run(model_of(server), rows, output=tmp_path / "out.jsonl")
    assert report.done == 1
    assert server.requests[0].body["messages"] == [{"role": "user", "content": "a\ufffd"}]


def test_blank_lines_before_the_head_of_a_csv_are_passed_over(
    server: LoopbackGateway, tmp_path: Path
) -> None:
    """As those between rows are."""
    source = tmp_path / "in.csv"
    source.write_text("\n\ntext\na\n")
    assert bulk.run(model_of(server), source, output=tmp_path / "o.jsonl", prompt=PROMPT).done == 1


def test_an_id_that_is_no_text_is_named_by_line(server: LoopbackGateway, tmp_path: Path) -> None:
    """Half an emoji was an error of SQLite that named no row."""
    rows = [{"id": "a\ud83d", "text": "a"}]
    with pytest.raises(BulkInputError, match="line 1: its 'id' is no Unicode text"):
        bulk.run(model_of(server), rows, output=tmp_path / "o.jsonl", prompt=PROMPT)
