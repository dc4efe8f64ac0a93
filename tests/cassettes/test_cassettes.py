"""Every cassette, played by `ChatQwen36` through its own transport: no network, no loopback.

The written ones follow the vendors' pages and not our loopback gateways: two readings of the same
documents that must agree on the bodies that leave and on what comes back.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import vcr
from hypothesis import given
from hypothesis import strategies as st
from taping import CASSETTES
from taping.play import head_of, model_of, played, urls_of
from taping.readable import Readable
from taping.record import SUBJECTS, main, record
from taping.scenarios import SCENARIOS, SCRIPTED_SCENARIOS, STREAMED, arun, run
from vcr.errors import CannotOverwriteExistingCassetteException

from langchain_qwen36 import GATEWAYS, ChatQwen36
from langchain_qwen36.errors import MissingKeyError, UnsupportedSettingError
from langchain_qwen36.gateways.resolve import gateway_of_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

pytestmark = pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")

FILES = sorted(CASSETTES.glob("*/*.yaml"))


def cassettes(files: list[Path]) -> pytest.MarkDecorator:
    """One test for each file, by gateway and scenario."""
    ids = [f"{file.parent.name}-{file.stem}" for file in files]
    return pytest.mark.parametrize("file", files, ids=ids)


EACH = cassettes(FILES)
EACH_STREAM = cassettes([file for file in FILES if file.stem in STREAMED])


# What they come to


@EACH
def test_played(file: Path) -> None:
    """The model sends the recorded bodies and makes of the answers what the file says."""
    with played(file):
        assert run(file.stem, model_of(file)) == head_of(file)["expected"]


@EACH
async def test_played_async(file: Path) -> None:
    """The same, async."""
    with played(file):
        assert await arun(file.stem, model_of(file), "async") == head_of(file)["expected"]


@EACH_STREAM
def test_played_as_events(file: Path) -> None:
    """The same streams as v3 events."""
    with played(file):
        assert run(file.stem, model_of(file), "sync v3") == head_of(file)["expected"]


@EACH_STREAM
async def test_played_as_events_async(file: Path) -> None:
    """The same, async."""
    with played(file):
        assert await arun(file.stem, model_of(file), "async v3") == head_of(file)["expected"]


@pytest.mark.parametrize("gateway", sorted({file.parent.name for file in FILES}))
def test_the_scenarios_show_what_they_are_for(gateway: str) -> None:
    """Whoever records anew keeps thoughts, a call, a structure and a refusal in the files."""
    told = {name: head_of(CASSETTES / gateway / f"{name}.yaml")["expected"] for name in SCENARIOS}
    asked = told["tool_loop"]["asked"]
    assert "Rome" in told["conversation"]["text"]
    assert told["conversation"]["thoughts"] is None
    assert told["thinking_stream"]["thoughts"]
    assert "Rome" in told["thinking_stream"]["text"]
    assert asked["tool_calls"] == [{"name": "get_weather", "args": {"city": "Paris"}}]
    assert "18" in told["tool_loop"]["answered"]["text"]
    assert told["structured_output"]["parsed"] == {"name": "Paris", "population": 2_100_000}
    assert told["error"]["status"] >= 400


ERRORS = {
    "aimlapi": ("PaymentRequiredError", 403, None),
    "apiyi": ("PaymentRequiredError", 429, "insufficient_user_quota"),
    "dashscope": ("InvalidRequestError", 400, "invalid_parameter_error"),
    "dashscope-intl": ("AuthenticationError", 401, "invalid_api_key"),
    "llamacpp": ("InvalidRequestError", 400, "invalid_request_error"),
    "local": ("AuthenticationError", 401, "authentication_error"),
    "ollama": ("NotFoundError", 404, "not_found_error"),
    "openrouter": ("PaymentRequiredError", 402, "payment_required"),
    "sglang": ("InvalidRequestError", 400, "BadRequest"),
    "vercel": ("NotFoundError", 404, "model_not_found"),
    "vllm": ("NotFoundError", 404, "NotFoundError"),
}


@pytest.mark.parametrize("gateway", ["llamacpp", "vllm"])
def test_the_recordings_of_real_servers(gateway: str) -> None:
    """Two calls are two, a cut call is invalid, a wrong key and an overflow are their errors."""
    told = {n: head_of(CASSETTES / gateway / f"{n}.yaml")["expected"] for n in SCRIPTED_SCENARIOS}
    cities = [call["args"] for call in told["two_calls"]["tool_calls"]]
    assert cities == [{"city": "Paris"}, {"city": "Rome"}]
    cut = told["cut_call"]
    assert (cut["tool_calls"], cut["invalid_tool_calls"]) == ([], [{"name": "get_weather"}])
    errors = [told[name]["error"] for name in ("wrong_key", "context_overflow")]
    assert errors == ["AuthenticationError", "ContextOverflowError"]


def test_the_errors() -> None:
    """One of each gateway, and what it is in our tree."""
    told = {file.parent.name: head_of(file)["expected"] for file in FILES if file.stem == "error"}
    assert {name: (e["error"], e["status"], e["code"]) for name, e in told.items()} == ERRORS


@pytest.mark.parametrize("name", ["conversation", "thinking_stream"])
@pytest.mark.parametrize(
    ("gateway", "currency", "rates"),
    [
        # the first tier of qwen3.6-plus, for a million tokens
        pytest.param("dashscope", "CNY", ("2", "12"), id="dashscope"),
        pytest.param("dashscope-intl", "USD", ("0.50", "3.00"), id="dashscope-intl"),
        pytest.param("apiyi", "USD", ("0.30", "1.80"), id="apiyi"),
    ],
)
def test_a_cost_by_the_list(name: str, gateway: str, currency: str, rates: tuple) -> None:
    """Tokens times the printed rates."""
    told = head_of(CASSETTES / gateway / f"{name}.yaml")["expected"]
    read, written = (told["usage"][kind] for kind in ("input_tokens", "output_tokens"))
    total = (read * Decimal(rates[0]) + written * Decimal(rates[1])) / 1_000_000
    assert told["cost"] == {"total": float(total), "currency": currency, "basis": "list"}


@pytest.mark.parametrize("gateway", ["aimlapi", "openrouter", "vercel"])
def test_a_cost_by_the_gateways_own_word(gateway: str) -> None:
    """Where an answer says what it cost, that goes first."""
    told = head_of(CASSETTES / gateway / "thinking_stream.yaml")["expected"]
    assert told["cost"]["basis"] == "reported"


@pytest.mark.parametrize("gateway", ["llamacpp", "local", "ollama", "sglang", "vllm"])
def test_ones_own_server_has_no_price(gateway: str) -> None:
    """Unknown, and not nothing."""
    assert head_of(CASSETTES / gateway / "thinking_stream.yaml")["expected"]["cost"] is None


# Where they are from


def test_no_gateway_and_no_scenario_is_missing() -> None:
    """Each subject has its files; a region without a price of its own needs none."""
    expected = {(row, name) for row in SUBJECTS if row != "dashscope-us" for name in SCENARIOS}
    expected |= {(row, name) for row in ("llamacpp", "vllm") for name in SCRIPTED_SCENARIOS}
    assert {(file.parent.name, file.stem) for file in FILES} == expected


@EACH
def test_a_file_begins_with_where_it_is_from(file: Path) -> None:
    """Its first lines say whether a server sent it, or who documents it, and when."""
    said = head_of(file)["provenance"]
    assert file.read_text("utf-8").startswith(f"provenance:\n  kind: {said['kind']}\n  source:")
    assert said["kind"] in {"recorded", "written from documentation"}
    assert said["source"]
    assert date.fromisoformat(said["date"]) >= date(2026, 11, 21)


def test_the_page_says_where_they_are_from() -> None:
    """The table of the documentation, row by row."""
    page = (CASSETTES.parent / "docs" / "testing.md").read_text("utf-8")
    row = re.compile(r"^\| `([\w-]+)` \| (recorded|written from documentation) \|", re.MULTILINE)
    kinds = {(file.parent.name, head_of(file)["provenance"]["kind"]) for file in FILES}
    assert sorted(row.findall(page)) == sorted(kinds)


@EACH
def test_a_file_goes_to_its_gateways_address(file: Path) -> None:
    """The row's own; or, recorded, another host of the row's, or this machine."""
    row = GATEWAYS[file.parent.name]
    for url in urls_of(file):
        if head_of(file)["provenance"]["kind"] == "recorded":
            assert gateway_of_host(url) == (row if row.hosts else None)
        else:
            assert url == f"{row.base_url}/chat/completions"


# The player


def test_a_partly_played_cassette_fails() -> None:
    """A recording whose end nobody asks for shows nothing."""
    file = CASSETTES / "dashscope" / "tool_loop.yaml"
    model = model_of(file)
    with (
        pytest.raises(AssertionError, match=r"only partly played: exchanges \[1\] of 2"),
        played(file),
    ):
        run_first(model)


def run_first(model: ChatQwen36) -> None:
    """Only the first request of the tool loop."""
    ask = SCENARIOS["tool_loop"](model).send(None)
    list(ask.model.stream(ask.input))


@pytest.mark.parametrize("file", [CASSETTES / "openrouter" / f"{name}.yaml" for name in SCENARIOS])
async def test_a_body_that_differs_fails(file: Path) -> None:
    """The message shows the difference, whatever the style."""
    model = model_of(file).model_copy(update={"temperature": 0.5})
    shown = r'\+\+\+ sent\n(.*\n)*\+ "temperature": 0\.5'
    with pytest.raises(CannotOverwriteExistingCassetteException, match=shown), played(file):
        run(file.stem, model)
    with pytest.raises(CannotOverwriteExistingCassetteException, match=shown), played(file):
        await arun(file.stem, model, "async")


# The file


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_json_is_kept(found: dict[str, Any]) -> None:
    """Through the file and back, whatever stands in its texts."""
    assert json.loads(through_a_file(json.dumps(found))) == found


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=2), min_size=1, max_size=3))
def test_events_are_kept(found: list[dict[str, Any]]) -> None:
    """Each in its place."""
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in found)
    lines = [line for line in through_a_file(body).split("\n\n") if line]
    assert [json.loads(line.removeprefix("data: ")) for line in lines] == found


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param("<html>\n  Bad gateway </html>\n", id="page"),
        pytest.param(': ping\n\ndata: {"a":1}\n\ndata: [DONE]\n\n', id="stream"),
        pytest.param('data: {"a":1}\r\n\r\n', id="carriage-returns"),
        pytest.param('event: error\ndata: {"a":1}\n\n', id="named-event"),
        pytest.param('data: {"a":1}\n\ndata: {"b', id="cut"),
        pytest.param('data:{"a":1}\n\n', id="no-space"),
        pytest.param('data: {"a":1}', id="no-end"),
        pytest.param('data: {"a\n\n', id="broken-json"),
        pytest.param("\n\n", id="blank"),
        pytest.param("4", id="number"),
    ],
)
def test_any_other_body_is_kept_to_the_byte(body: str) -> None:
    """What is not understood is not touched."""
    assert through_a_file(body) == body


def through_a_file(body: str) -> str:
    """Return what a body is after it was written and read."""
    told = {"request": {"method": "POST", "uri": "http://x/", "body": body, "headers": {}}}
    told["response"] = {"status": {"code": 200}, "body": {"string": body}, "headers": {}}
    text = Readable().serialize({"interactions": [told], "version": 1})
    (read,) = Readable().deserialize(text)["interactions"]
    assert read["request"]["body"] == read["response"]["body"]["string"]
    return read["request"]["body"]


# The recorder


def test_a_gateway_is_recorded(
    gateway_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a key in the environment: five files that say so, can be played, and hold no key."""
    server = gateway_server("dashscope-intl")
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    files = record("dashscope-intl", "qwen3.6-flash", tmp_path)
    assert [file.stem for file in files] == list(SCENARIOS)
    for file in files:
        assert head_of(file)["provenance"]["kind"] == "recorded"
        assert head_of(file)["settings"]["model"] == "qwen3.6-flash"
        assert server.key not in file.read_text("utf-8")
        with played(file):
            assert run(file.stem, model_of(file)) == head_of(file)["expected"]


def test_a_scenario_that_fails_is_not_recorded(
    gateway_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is written over a good file."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "of-another")
    monkeypatch.setenv("DASHSCOPE_BASE_URL", gateway_server("dashscope-intl").base_url)
    with pytest.raises(RuntimeError, match=r"dashscope-intl/conversation went wrong.*401"):
        record("dashscope-intl", folder=tmp_path)
    assert list(tmp_path.rglob("*.yaml")) == []


def test_the_recorder_asks_for_a_key() -> None:
    """By the name of its variable."""
    with pytest.raises(MissingKeyError, match="set OPENROUTER_API_KEY"):
        record("openrouter")


def test_the_recorder_knows_its_gateways() -> None:
    """And names them."""
    with pytest.raises(UnsupportedSettingError, match="'nowhere' has no cassettes; it is one of"):
        record("nowhere")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param([], "make record GATEWAY=", id="nothing-said"),
        pytest.param(["openrouter"], "Nothing was recorded. No key for", id="no-key"),
    ],
)
def test_the_command_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    """Not with a traceback."""
    monkeypatch.setattr(sys, "argv", ["record", *words])
    with pytest.raises(SystemExit, match=says):
        main()


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "scenarios",
    [
        pytest.param(["conversation", "error"], id="some"),
        pytest.param(list(SCENARIOS), id="all", marks=pytest.mark.long),
    ],
)
def test_the_engine_is_recorded(tmp_path: Path, scenarios: list[str]) -> None:
    """The real server, with no key and no network."""
    for file in record("local", folder=tmp_path, scenarios=scenarios):
        assert "xllamacpp" in head_of(file)["provenance"]["source"]
        with played(file):
            assert run(file.stem, model_of(file)) == head_of(file)["expected"]


# vcrpy by itself, as users have it


async def test_vcrpy_works_without_any_help_of_ours(gateway_server: Server, tmp_path: Path) -> None:
    """Recorded in each style, played when the server is gone; the key is filtered by one word."""
    file = str(tmp_path / "tape.yaml")
    server = gateway_server("openrouter")
    model = ChatQwen36(gateway="openrouter", base_url=server.base_url, api_key=server.key)
    with vcr.use_cassette(file, filter_headers=["authorization"]):
        live = await said_in_each_style(model)
    assert len(server.requests) == 6
    with vcr.use_cassette(file, record_mode="none") as cassette:
        assert await said_in_each_style(model) == live
        assert cassette.all_played
    assert len(server.requests) == 6
    assert server.key not in (tmp_path / "tape.yaml").read_text("utf-8")


async def said_in_each_style(model: ChatQwen36) -> list[str]:
    """Return the answers one by one: vcrpy looks at no body, and so keeps the order."""
    stream = await model.astream_events("five", version="v3")
    return [
        model.invoke("one").text,
        "".join(chunk.text for chunk in model.stream("two")),
        (await model.ainvoke("three")).text,
        "".join([chunk.text async for chunk in model.astream("four")]),
        (await stream.output).text,
        model.stream_events("six", version="v3").output.text,
    ]
