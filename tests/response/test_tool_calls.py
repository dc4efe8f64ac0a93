"""The assembler of tool calls: one test or row per recorded server."""

from __future__ import annotations

import json

import pytest
from answers import (
    WEATHER,
    agreed,
    call_chunks,
    chunk,
    completion,
    read,
    request,
    tool_delta,
)
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from langchain_core.utils.json import parse_partial_json

from langchain_qwen36._response.arguments import as_object, unrepairable_suffix
from langchain_qwen36._response.tool_calls import ToolCallAssembler

ARGS = '{"a": 1}'
ONE = [("f", {"a": 1})]
TWO = [("f", {"a": 1}), ("g", {"b": 2})]


@pytest.mark.pain("P20")
@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="f"),
                tool_delta('{"a"', index=0, id=""),
                tool_delta(": 1}", index=0, id=""),
                tool_delta("", index=0, id=""),
                tool_delta(None, index=0, id="", name=None),
            ],
            ONE,
            id="p22-dashscope-empty-ids",
        ),
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="f"),
                tool_delta(index=0, id="c1", name=""),
                tool_delta(ARGS, index=0, id="c1"),
            ],
            ONE,
            id="p22-repeated-id",
        ),
        pytest.param(
            [tool_delta(index=1, id="c1", name="f"), tool_delta(ARGS, index=0)],
            ONE,
            id="p20-index-drifts-to-0",
        ),
        pytest.param(
            [
                tool_delta(ARGS, index=0, id="c1", name="f"),
                tool_delta(index=1, id="c2", name="g"),
                tool_delta('{"b": 2}', index=0),
            ],
            TWO,
            id="p20-index-drifts-to-a-complete-call",
        ),
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="f"),
                tool_delta(ARGS, index=0),
                tool_delta(index=0, id="c2", name="g"),
                tool_delta('{"b": 2}', index=0),
            ],
            TWO,
            id="p20-all-at-index-0",
        ),
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="f"),
                tool_delta(index=1, id="c2", name="g"),
                tool_delta('{"a"', index=0),
                tool_delta('{"b"', index=1),
                tool_delta(": 1}", index=0),
                tool_delta(": 2}", index=1),
            ],
            TWO,
            id="interleaved",
        ),
        pytest.param(
            [
                tool_delta(id="c1", name="f"),
                tool_delta(ARGS),
                tool_delta(id="c2", name="g"),
                tool_delta('{"b": 2}'),
            ],
            TWO,
            id="p20-no-index",
        ),
        pytest.param(
            [
                tool_delta(ARGS, index=0, name="f"),
                tool_delta('{"b": 2}', index=0, name="g"),
            ],
            TWO,
            id="p23-no-ids-at-all",
        ),
        pytest.param(
            [
                tool_delta(ARGS, index=0, name="f"),
                tool_delta(index=0, name="g"),
                tool_delta('{"b": 2}', index=0),
            ],
            TWO,
            id="p23-no-ids-and-a-bare-opener",
        ),
        pytest.param(
            [
                tool_delta(ARGS, index=0, id="c1", name="f"),
                tool_delta('{"b": 2}', index=1, id="c1", name="g"),
            ],
            TWO,
            id="p23-duplicate-id",
        ),
        pytest.param(
            [
                tool_delta(ARGS, id="c1", name="f"),
                tool_delta('{"b": 2}', id="c1", name="g"),
            ],
            TWO,
            id="p23-duplicate-id-without-index",
        ),
        pytest.param(
            [
                {"index": 0, "id": "c1", "function": None},
                tool_delta(ARGS, index=0, id="c1", name="f"),
            ],
            ONE,
            id="function-null",
        ),
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="f"),
                tool_delta('{"a"', index=0, id="c1", name="f"),
                tool_delta(": 1}", index=0, id="c1", name="f"),
            ],
            ONE,
            id="p21-name-and-id-in-each-delta",
        ),
        pytest.param(
            [
                tool_delta(index=0, name="f"),
                tool_delta(index=0, name="f"),
                tool_delta(ARGS, index=0, name="f"),
            ],
            ONE,
            id="p21-name-in-each-delta-without-id",
        ),
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="get"),
                tool_delta(index=0, id="c1", name="get_wea"),
                tool_delta("{}", index=0, id="c1", name="get_weather"),
            ],
            [("get_weather", {})],
            id="p21-growing-name",
        ),
        pytest.param(
            [
                tool_delta('{"a"', index=0, id="c1", name="f"),
                tool_delta(": 1}", index=0, id="c1", name="f_too_late"),
            ],
            ONE,
            id="a-name-that-went-out-stays",
        ),
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="get_"),
                tool_delta(index=0, id="", name="weather"),
                tool_delta("{}", index=0),
            ],
            [("get_weather", {})],
            id="p21-name-in-fragments",
        ),
        pytest.param(
            [
                tool_delta(index=0, id="x1", name="f"),
                tool_delta('{"a"', index=0, id="x2"),
                tool_delta(": 1}", index=0, id="x3"),
            ],
            ONE,
            id="a-new-id-on-every-delta",
        ),
        pytest.param(
            [
                tool_delta('{"a"', index=0, id="x1", name="f"),
                tool_delta(": ", index=0, id="x2", name="f"),
                tool_delta("1}", index=0, id="x3", name="f"),
            ],
            ONE,
            id="a-new-id-and-the-name-on-every-delta",
        ),
        pytest.param(
            [
                tool_delta("", index=0, id="x1", name="f"),
                tool_delta('{"a"', index=0, id="x2", name="f"),
                tool_delta(": 1}", index=0, id="x3", name="f"),
            ],
            ONE,
            id="a-new-id-and-the-name-behind-an-empty-delta",
        ),
        pytest.param(
            [
                tool_delta("{}", index=0, id="c1", name="f"),
                tool_delta("{}", index=0, id="c2", name="f"),
                tool_delta('{"b"', index=0, id="c3", name="g"),
                tool_delta(": 2}", index=0, id="c3"),
            ],
            [("f", {}), ("f", {}), ("g", {"b": 2})],
            id="whole-calls-with-ids-of-their-own-at-one-index",
        ),
        pytest.param(
            [
                tool_delta('{"a"', index=0, id="c1"),
                tool_delta(": 1}", index=0),
                tool_delta(None, index=0, name="f"),
            ],
            ONE,
            id="the-name-behind-the-arguments",
        ),
        pytest.param(
            [tool_delta('{"a"', index=0, id="c1"), tool_delta(": 1}", index=0, name="f")],
            ONE,
            id="the-name-amid-the-arguments",
        ),
        pytest.param(
            [{"index": 0, "type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
            ONE,
            id="arguments-under-anthropics-name",
        ),
        pytest.param(
            [tool_delta(index=0, name="f"), tool_delta(ARGS, index=0, id="c1")],
            ONE,
            id="id-comes-late",
        ),
        pytest.param(
            [tool_delta({"a": 1}, index=0, id="c1", name="f")], ONE, id="arguments-an-object"
        ),
        pytest.param(
            [
                tool_delta(index=0, id="c1", name="f"),
                tool_delta(ARGS, index=0, id="c1", name="f"),
                tool_delta(ARGS, index=0, id="c1", name="f"),
            ],
            ONE,
            id="p21-whole-arguments-repeated",
        ),
        pytest.param(
            [tool_delta(index=0, id="", name=""), tool_delta(ARGS, index=0, id="c1", name="f")],
            ONE,
            id="an-empty-delta-opens-nothing",
        ),
    ],
)
def test_to_p23_deltas_become_the_right_calls(entries: list[dict], expected: list) -> None:
    """Each server's deltas give the right calls, in all styles, with distinct ids."""
    answer = agreed(call_chunks(*entries))
    assert (expected, []) == (answer["calls"], answer["invalid"])


def test_several_calls_in_one_delta() -> None:
    """Calls in one delta without ids or indexes are told apart by their places."""
    openers = [tool_delta('{"a"', name="f"), tool_delta('{"b"', name="g")]
    rests = [tool_delta(": 1}"), tool_delta(": 2}")]
    payloads = [chunk({"tool_calls": openers}), chunk({"tool_calls": rests})]
    assert agreed([*payloads, chunk(finish="tool_calls")])["calls"] == TWO


@pytest.mark.pain("P23")
@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([{"name": "f"}, {"name": "f"}], id="no-ids-same-name"),
        pytest.param([{"name": "f", "id": "c"}, {"name": "f", "id": "c"}], id="same-id"),
        pytest.param([{"name": "f", "id": "c", "index": 0}, {"name": "f", "index": 0}], id="index"),
    ],
)
def test_each_entry_of_a_finished_message_is_a_call(entries: list[dict]) -> None:
    """A one-shot message repeats nothing, so every entry is a call with an id of its own."""
    calls = [tool_delta(**entry) for entry in entries]
    answer = agreed([completion({"content": None, "tool_calls": calls}, "tool_calls")])
    assert answer["calls"] == [("f", {}), ("f", {})]


@pytest.mark.pain("P23")
def test_a_good_id_is_kept_and_a_used_one_is_not() -> None:
    """Ids come through; one that the conversation has used already is replaced."""
    entries = [
        tool_delta(index=0, id="call_new", name="f"),
        tool_delta(index=1, id="call_0", name="f"),
    ]
    said = request(used_ids=frozenset({"call_0"}))
    kept, replaced = read(call_chunks(*entries), said).merged.tool_calls
    assert (kept["id"], replaced["id"][:5]) == ("call_new", "call_")
    assert replaced["id"] != "call_0"


@pytest.mark.pain("P23")
@pytest.mark.parametrize(
    ("first", "kept"),
    [
        pytest.param(tool_delta(index=0, name="f"), True, id="before-the-call-went-out"),
        pytest.param(tool_delta('{"a"', index=0, name="f"), False, id="after-it"),
    ],
)
def test_an_id_that_comes_late(first: dict, kept: bool) -> None:
    """A late id is taken while nothing went out; later the call keeps ours, and is still known."""
    rest = first["function"]["arguments"]
    late = tool_delta('{"a": 1}'.removeprefix(rest), index=0, id="late")
    again = tool_delta(" ", index=5, id="late")
    answer = read(call_chunks(first, late, again))
    [call] = answer.merged.tool_calls
    assert (kept, {"a": 1}) == (call["id"] == "late", call["args"])
    assert call["id"] == answer.invoke.tool_calls[0]["id"] == answer.v3.tool_calls[0]["id"]


def test_id_and_name_go_out_once() -> None:
    """A name sent with every delta stands on one chunk only, and whole."""
    entries = [
        tool_delta(index=0, id="c1", name="get"),
        tool_delta('{"a', index=0, id="c1", name="get_x"),
        tool_delta('": 1}', index=0, id="c1", name="get_x"),
    ]
    chunks = [c.message.tool_call_chunks for c in read(call_chunks(*entries)).chunks]
    sent = [(c["id"], c["name"], c["args"]) for [c] in (c for c in chunks if c)]
    assert sent == [("c1", "get_x", '{"a'), (None, None, '": 1}')]


def test_calls_keep_their_order_when_the_first_has_no_arguments() -> None:
    """An opener that is held goes out before a later call's, or merged chunks change order."""
    entries = [
        tool_delta(index=0, id="c1", name="f"),
        tool_delta('{"b": 2}', index=1, id="c2", name="g"),
    ]
    assert agreed(call_chunks(*entries))["calls"] == [("f", {}), ("g", {"b": 2})]


@pytest.mark.pain("P18")
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param(" \n", {}, id="space"),
        pytest.param(None, {}, id="null"),
        pytest.param("null", {}, id="null-as-text"),
        pytest.param('"{\\"a\\": 1}"', {"a": 1}, id="json-in-json"),
        pytest.param('"null"', {}, id="null-in-json"),
        pytest.param('""', {}, id="empty-in-json"),
        pytest.param(' {"a": "x\ny"}', {"a": "x\ny"}, id="raw-newline-in-a-string"),
        pytest.param("[]", None, id="list"),
        pytest.param("5", None, id="number"),
        pytest.param('"words"', None, id="string"),
        pytest.param('{"a": 1}}', None, id="p19-extra-brace"),
        pytest.param('{"a": tru', None, id="t8-cut-word"),
        pytest.param('{"a": "x', None, id="f57-cut-string"),
        pytest.param('{"a": "x\\', None, id="cut-escape"),
        pytest.param('{"a": [1, {"b": 2', None, id="cut-nested"),
        pytest.param("{", None, id="only-a-brace"),
        pytest.param('{"a":' + "[" * 2_000, None, id="nested-too-deep"),
        pytest.param("a=1", None, id="no-json"),
    ],
)
def test_arguments_are_an_object_or_the_call_is_invalid(args, expected: dict | None) -> None:
    """Nothing is repaired, nothing raises; one-shot, cut in pieces, all styles agree."""
    whole = agreed([completion({"tool_calls": [tool_delta(args, id="c", name="f")]})])
    pieces = [tool_delta(p, index=0) for p in args or ""]
    cut = agreed(call_chunks(tool_delta(index=0, id="c", name="f"), *pieces))
    assert whole["calls"] == cut["calls"] == ([] if expected is None else [("f", expected)])
    assert whole["invalid"] == cut["invalid"]
    assert len(whole["invalid"]) == (expected is None)


def test_a_list_as_arguments_keeps_its_text() -> None:
    """Arguments that are whole JSON but no object are invalid as they are, without a seal."""
    assert agreed(call_chunks(tool_delta("[1]", id="c", name="f")))["invalid"] == [("f", "[1]")]


@pytest.mark.parametrize("finish", ["length", "max_tokens", "content_filter", "abort"])
def test_a_cut_call_cannot_be_run(finish: str) -> None:
    """A call cut before or within its arguments is invalid, a whole one before it runs."""
    entries = [
        tool_delta(ARGS, index=0, id="c1", name="f"),
        tool_delta('{"b": 2', index=1, id="c2", name="g"),
        tool_delta("", index=2, id="c3", name="h"),
    ]
    answer = agreed(call_chunks(*entries, finish=finish))
    assert answer["calls"] == ONE
    assert [name for name, _ in answer["invalid"]] == ["g", "h"]


def test_a_call_without_a_name_cannot_be_run() -> None:
    """Whole arguments do not help a call that names no tool."""
    answer = agreed(call_chunks(tool_delta(ARGS, index=0, id="c1")))
    assert (answer["calls"], [name for name, _ in answer["invalid"]]) == ([], [None])


JSON_PIECES = ["{", "}", "[", "]", '"', "\\", ":", ",", " ", "\n", "1", "a", '"a":', "null", "tru"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(JSON_PIECES), max_size=14).map("".join))
@example("")
@example('{"a": "\\')
@example('{"a": "\\"')
@example('{"a": ["b')
@example('{"a": 1}')
@example("[1")
def test_a_seal_stops_core_from_repairing(raw: str) -> None:
    """Whatever the arguments, core reads no object from the sealed ones."""
    text = raw + unrepairable_suffix(raw)
    try:
        value = parse_partial_json(text) if text else {}
    except json.JSONDecodeError:
        value = None
    assert not isinstance(value, dict)


@settings(deadline=None)
@given(st.lists(st.sampled_from(JSON_PIECES), max_size=10), st.sampled_from(["stop", "length"]))
def test_only_whole_objects_can_be_run(pieces: list[str], finish: str) -> None:
    """However arguments are cut, all styles agree, and only a JSON object makes a call."""
    opener = tool_delta(index=0, id="c", name="f")
    entries = [tool_delta(piece, index=0) for piece in pieces]
    answer = agreed(call_chunks(opener, *entries, finish=finish))
    whole = agreed(
        call_chunks(tool_delta("".join(pieces), index=0, id="c", name="f"), finish=finish)
    )
    if as_object("".join(pieces)) is not None:
        assert whole == answer
        assert [("f", as_object("".join(pieces)))] == answer["calls"]
    elif (
        answer["calls"] and answer != whole
    ):  # an object that took the place of what came before, or repeated it
        runs = [pieces[i:j] for i in range(len(pieces)) for j in range(i + 1, len(pieces) + 1)]
        assert answer["calls"][0][1] in [as_object("".join(run)) for run in runs]


def test_a_settled_call_leaves_the_assembler_as_it_is() -> None:
    """Looking at a half-way call, as a partial message does, changes nothing in it."""
    calls = ToolCallAssembler()
    calls.feed([tool_delta('{"a"', index=0, id="c", name="f")])
    calls.finished(cut=True)
    calls.feed([tool_delta(": 1}", index=0)])
    calls.finish(cut=False)
    assert [call.args for call in calls.finished(cut=False)] == [{"a": 1}]


CITY = '{"city": "Paris"}'
GROWING = ["{}", '{"city": ""}', '{"city": "Par"}', '{"city": "Paris"}']
SNAPSHOTS = [
    pytest.param(["{}", CITY], id="an empty object first"),
    pytest.param(["{}", '{"city": ', '"Paris"}'], id="an empty object, then increments"),
    pytest.param(['{"ci', '{"city": "Par', CITY], id="everything so far in each delta"),
    pytest.param(['{"ci', 'ty": "Paris"}', '{"city":"Paris"}'], id="whole again at the end"),
    pytest.param([CITY, CITY], id="whole twice"),
    pytest.param([CITY, "{}"], id="an empty object last"),
    pytest.param(GROWING, id="growing objects"),
    pytest.param([{}, {"city": "Par"}, {"city": "Paris"}], id="growing objects that are no text"),
    pytest.param(['```json\n{"city": ', '"Paris"}\n```'], id="in a fence"),
]


@pytest.mark.parametrize("pieces", SNAPSHOTS)
@pytest.mark.parametrize("again", [{}, {"id": "c"}, {"id": "c", "name": "f"}])
def test_arguments_sent_as_snapshots_are_one_call(pieces: list, again: dict) -> None:
    """Arguments that each delta says anew become one valid call with the last state."""
    first, *rest = pieces
    entries = [tool_delta(first, index=0, id="c", name="f")]
    entries += [tool_delta(piece, index=0, **again) for piece in rest]
    answer = agreed(call_chunks(*entries))
    assert (answer["calls"], answer["invalid"]) == ([("f", {"city": "Paris"})], [])


def test_arguments_that_take_back_what_went_out_are_invalid() -> None:
    """The caller has the first object's text already, so another object makes no call of it."""
    entries = [tool_delta(piece, index=0) for piece in ('{"city": "Rome"', CITY)]
    answer = agreed(call_chunks(tool_delta(index=0, id="c", name="f"), *entries))
    assert (answer["calls"], [name for name, _ in answer["invalid"]]) == ([], ["f"])


INCREMENTS = [
    pytest.param(['{"code": "', '{\\"a', '\\": 1}"}'], {"code": '{"a": 1}'}, id="JSON in a string"),
    pytest.param(['{"a": ', '{"a": ', "1}}"], {"a": {"a": 1}}, id="an object of the same key"),
    pytest.param(['{"a": [{}, ', "{}, ", "{}]}"], {"a": [{}, {}, {}]}, id="empty objects"),
    pytest.param(['{"', '{": 1}'], {"{": 1}, id="a key that is a bracket"),
]


@pytest.mark.parametrize(("pieces", "args"), INCREMENTS)
def test_increments_that_look_like_snapshots_are_added(pieces: list[str], args: dict) -> None:
    """A delta that can go on with the JSON before it is an increment, whatever it looks like."""
    entries = [tool_delta(piece, index=0) for piece in pieces]
    opener = tool_delta(index=0, id="c", name="f")
    assert [("f", args)] == agreed(call_chunks(opener, *entries))["calls"]


@pytest.mark.parametrize("args", ["{}", CITY])
@pytest.mark.parametrize("ids", [("a", "b"), (None, None)])
def test_two_equal_calls_stay_two(args: str, ids: tuple) -> None:
    """Two calls of one tool with the same arguments are two, even at one index without ids."""
    entries = [tool_delta(args, index=0, id=id_, name="f") for id_ in ids]
    assert len(agreed(call_chunks(*entries))["calls"]) == 2


json_objects = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
    max_size=4,
)


@settings(deadline=None)
@given(json_objects, st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_snapshots_and_increments_of_random_arguments(
    args: dict, cuts: list[int], cumulative: bool
) -> None:
    """The same arguments, cut anywhere, are the same call as increments and as snapshots."""
    text = json.dumps(args)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    starts = [0] * len(ends) if cumulative else [0, *ends]
    pieces = [text[start:end] for start, end in zip(starts, ends, strict=False)]
    # An object behind `{"a":` may be its value: the first cut of a snapshot is elsewhere.
    assume(not cumulative or next(filter(str.strip, pieces)).rstrip()[-1] not in ":[,")
    entries = [tool_delta(piece, index=0) for piece in pieces]
    answer = agreed(call_chunks(tool_delta(index=0, id="c", name="f"), *entries))
    assert [("f", args)] == answer["calls"]


NAMES = [
    pytest.param("get_weather\n", id="a newline behind it"),
    pytest.param(" get_weather", id="a space before it"),
    pytest.param("functions.get_weather", id="a namespace"),
    pytest.param("Get Weather", id="letter case and a space"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_space_is_the_bound_tools(name: str) -> None:
    """A name that only one bound tool can be meant by is written as that tool's."""
    entry = tool_delta(CITY, index=0, id="c", name=name)
    answer = agreed(call_chunks(entry), request(tools=WEATHER))
    assert answer["calls"] == [("get_weather", {"city": "Paris"})]


def test_a_name_that_may_be_two_tools_stays() -> None:
    """A name that fits two bound tools is left to the agent, without its white space."""
    tools = {"Find": {}, "find_": {}}
    entry = tool_delta("{}", index=0, id="c", name="FIND ")
    assert agreed(call_chunks(entry), request(tools=tools))["calls"] == [("FIND", {})]
