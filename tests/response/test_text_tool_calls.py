"""Tool calls that a server left as text."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from answers import WEATHER, agreed, chunk, completion, read, request, text_chunks, tool_delta
from builders import answer, get_weather, model_on, streamed
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

XML = (
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
    "</function>\n</tool_call>"
)
HERMES = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
CALL = [("get_weather", {"city": "Paris"})]
BOUND = request(tools=WEATHER)


@pytest.mark.pain("P24")
@pytest.mark.parametrize(
    ("text", "calls", "rest"),
    [
        pytest.param(XML, CALL, "", id="xml"),
        pytest.param(HERMES, CALL, "", id="hermes"),
        pytest.param(f"Let me look.\n\n{XML}\n", CALL, "Let me look.", id="text-before"),
        pytest.param(f"{XML}\n{HERMES}", CALL * 2, "", id="two-calls"),
        pytest.param(f"Hm {XML} so", CALL, "Hm  so", id="text-behind"),
        pytest.param(
            '<tool_call><function=get_weather>{"city": "Paris"}</function></tool_call>',
            CALL,
            "",
            id="json-in-the-function",
        ),
        pytest.param(
            '<tool_call>{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\"}"}</tool_call>',
            CALL,
            "",
            id="p18-hermes-double-encoded",
        ),
        pytest.param(
            '<tool_call>{"name": "get_weather"}</tool_call>',
            [("get_weather", {})],
            "",
            id="hermes-without-arguments",
        ),
    ],
)
def test_whole_blocks_become_calls(text: str, calls: list, rest: str) -> None:
    """A whole block that names a bound tool is a call; it is noted and leaves the text."""
    answer = agreed(text_chunks([text]), BOUND)
    assert (calls, rest, "tool_calls") == (answer["calls"], answer["text"], answer["finish"])
    assert answer == agreed(text_chunks(list(text)), BOUND)
    notes = read(text_chunks([text]), BOUND).merged.response_metadata["notes"]
    assert notes == {"tool_calls": "recovered from the text of the answer"}


FUNCTION = XML.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")
ROME = FUNCTION.replace("Paris", "Rome")
TWO = [*CALL, ("get_weather", {"city": "Rome"})]


@pytest.mark.pain("P24")
@pytest.mark.parametrize(
    ("text", "calls", "rest"),
    [
        pytest.param(f"Let me look.\n\n{FUNCTION}", CALL, "Let me look.", id="no-wrapper"),
        pytest.param(f"{FUNCTION}\n</tool_call>", CALL, "", id="no-opening-tag"),
        pytest.param(f"{FUNCTION}\n{ROME}\n</tool_call>", TWO, "", id="two-without-opening-tag"),
        pytest.param(f"<tool_call>\n{FUNCTION}\n", CALL, "", id="no-closing-tag"),
        pytest.param(f"<tool_call>{FUNCTION}<tool_call>{ROME}", TWO, "", id="no-closing-tags"),
        pytest.param(f"<tool_call>\n{FUNCTION}\n{ROME}\n</tool_call>", TWO, "", id="one-wrapper"),
        pytest.param(XML.replace("\n</parameter>", ""), CALL, "", id="no-end-of-a-parameter"),
        pytest.param(XML.replace("</function>\n", ""), CALL, "", id="no-end-of-the-function"),
        pytest.param(XML.replace("=city", '="city"'), CALL, "", id="quoted-parameter"),
        pytest.param(
            HERMES.removesuffix("</tool_call>"), CALL, "", id="hermes-without-closing-tag"
        ),
        pytest.param(HERMES.replace("}}", "}"), CALL, "", id="hermes-without-last-brace"),
        pytest.param(HERMES.replace("}}", "}}}"), CALL, "", id="hermes-with-a-brace-too-many"),
        pytest.param(HERMES.replace("arguments", "parameters"), CALL, "", id="hermes-parameters"),
        pytest.param(
            HERMES.replace("\n</", HERMES[11:-12].replace("Paris", "Rome") + "</"),
            TWO,
            "",
            id="hermes-two-in-one-wrapper",
        ),
    ],
)
def test_forgotten_tags_do_not_hide_a_complete_call(text: str, calls: list, rest: str) -> None:
    """Qwen forgets tags around its calls; a call that is complete without them is one."""
    answer = agreed(text_chunks([text]), BOUND)
    assert (calls, rest, []) == (answer["calls"], answer["text"], answer["invalid"])
    assert answer == agreed(text_chunks(list(text)), BOUND)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("echo </tool_call> test", id="end-of-the-call"),
        pytest.param("a </function> b", id="end-of-the-function"),
        pytest.param("a </parameter> b", id="end-of-a-parameter"),
        pytest.param("<parameter=city>x", id="the-same-parameter"),
        pytest.param("<parameter=other>x", id="another-parameter"),
        pytest.param("<tool_call> and <function=get_weather>", id="the-beginning"),
    ],
)
def test_tags_in_a_value_are_a_part_of_it(value: str) -> None:
    """A model that writes about calls has their tags in its arguments, in either spelling."""
    expected = [("get_weather", {"city": value})]
    hermes = HERMES.replace('"Paris"', json.dumps(value))
    for text in (XML.replace("Paris", value), hermes, f"{hermes}\n{XML}"):
        assert agreed(text_chunks([text]), BOUND)["calls"][:1] == expected


def test_a_parameter_ends_where_the_next_one_begins() -> None:
    """Parameters do not nest, so a forgotten tag at the end of one means nothing else."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    text = "<function=f>\n<parameter=a>\n1\n<parameter=b>\n2\n</function>"
    answer = agreed(text_chunks([text]), request(tools={"f": schema}))
    assert answer["calls"] == [("f", {"a": 1, "b": "2"})]


@pytest.mark.pain("P24")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The tag <tool_call> opens a call.", id="prose"),
        pytest.param("Write <function=get_weather> and go on.", id="prose-about-functions"),
        pytest.param(FUNCTION.replace("get_weather", "rm_rf"), id="unknown-function"),
        pytest.param(FUNCTION[:-3], id="half-a-function"),
        pytest.param(f"```\n{FUNCTION}\n```", id="fenced-function"),
        pytest.param(HERMES.replace("</tool_call>", "so"), id="hermes-and-prose"),
        pytest.param(HERMES.replace('"Paris"}}', ""), id="hermes-without-its-end"),
        pytest.param("The tags `<tool_call>` and <tool_call>", id="prose-at-the-end"),
        pytest.param(XML.replace("get_weather", "rm_rf"), id="unknown-tool"),
        pytest.param(HERMES.replace("get_weather", "rm_rf"), id="unknown-tool-hermes"),
        pytest.param(XML[:-3], id="not-whole"),
        pytest.param(HERMES[: len(HERMES) // 2], id="cut"),
        pytest.param(f"Like so:\n```xml\n{XML}\n```", id="fenced"),
        pytest.param(f"Like so: `{HERMES}`", id="in-backticks"),
        pytest.param("<tool_call>{not json}</tool_call>", id="no-json"),
        pytest.param('<tool_call>{"name": "get_weather", "arguments": [1]}</tool_call>', id="list"),
        pytest.param(XML.replace("<parameter", "junk <parameter"), id="junk-in-the-function"),
        pytest.param("<function=get_weather>{not json}</function>", id="no-json-in-a-function"),
        pytest.param("a < b \n", id="a-lone-bracket"),
    ],
)
def test_everything_else_is_text(text: str) -> None:
    """Prose, unknown tools, quotations and half blocks stay untouched."""
    answer = agreed(text_chunks([text]), BOUND)
    assert (text, [], []) == (answer["text"], answer["calls"], answer["invalid"])
    assert answer == agreed(text_chunks(list(text)), BOUND)


@pytest.mark.pain("P24")
def test_needs_bound_tools() -> None:
    """Without tools there is nothing to call, and nothing is held."""
    chunks = read(text_chunks(["<tool_", "call>"])).chunks
    assert [c.message.content for c in chunks[:2]] == ["<tool_", "call>"]


@pytest.mark.pain("P24")
def test_structured_calls_win() -> None:
    """A structured call beside the text means that the text is only text, not a second call."""
    payloads = [
        chunk({"content": XML}),
        chunk({"tool_calls": [tool_delta('{"city": "Rome"}', id="c", name="get_weather")]}),
        chunk(finish="tool_calls"),
    ]
    answer = agreed(payloads, BOUND)
    assert (answer["text"], answer["calls"]) == (XML, [("get_weather", {"city": "Rome"})])


@pytest.mark.pain("P24")
def test_thoughts_are_not_searched() -> None:
    """A call in the thoughts is a thought."""
    answer = agreed([completion({"reasoning_content": XML, "content": "ok"})], BOUND)
    assert (answer["thoughts"], answer["text"], answer["calls"]) == (XML, "ok", [])


def test_only_what_may_be_a_call_is_held() -> None:
    """Text streams as it comes, but for a tag's beginning and the space before it."""
    chunks = read(text_chunks(["one", " two", " <b>", "bold ", "end"]), BOUND).chunks
    shown = [c.message.content for c in chunks]
    assert shown == ["one", " two", " <b>", "bold", " end", ""]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        pytest.param(["<tool_call>", " opens"], ["<tool_call> opens"], id="prose"),
        pytest.param(["<tool_call>\n<fun", "ny"], ["<tool_call>\n<funny"], id="no-function"),
        pytest.param(["<tool_call><function=r", "m"], ["<tool_call><function=r", "m"], id="tool"),
        pytest.param(["<tool_call><function=get", ">a"], ["<tool_call><function=get>a"], id="half"),
        pytest.param(["<tool_call>", " " * 65, "a"], ["<tool_call>", " " * 65 + "a"], id="space"),
        pytest.param(["a <", "b"], ["a", " <b"], id="a-bracket"),
        pytest.param(["a\n", "\n", " ", "b"], ["a", "\n\n b"], id="space-before-text"),
    ],
)
def test_text_goes_out_as_soon_as_it_is_no_call(pieces: list[str], shown: list[str]) -> None:
    """Held text is let go when it is decided, not at the end of the answer."""
    chunks = read(text_chunks([*pieces, "end"]), BOUND).chunks
    assert [*shown, "end"] == [c.message.content for c in chunks[:-1]]


SCHEMA = {
    "type": "object",
    "properties": {
        "s": {"type": "string"},
        "i": {"type": "integer"},
        "b": {"type": "boolean"},
        "o": {"$ref": "#/$defs/Point"},
        "a": {"anyOf": [{"type": "array"}, {"type": "null"}]},
        "n": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "t": {"type": ["number", "string"]},
        "x": {},
    },
    "$defs": {"Point": {"type": "object"}},
}


@pytest.mark.pain("P24")
@pytest.mark.parametrize(
    ("name", "written", "expected"),
    [
        pytest.param("s", "5", "5", id="string-stays"),
        pytest.param("s", " a\nb ", " a\nb ", id="string-keeps-its-space"),
        pytest.param("i", " 5 ", 5, id="integer"),
        pytest.param("i", "five", "five", id="no-integer"),
        pytest.param("b", "True", True, id="python-true"),
        pytest.param("b", "false", False, id="json-false"),
        pytest.param("o", '{"x": 1}', {"x": 1}, id="ref"),
        pytest.param("a", "[1, 2]", [1, 2], id="any-of-array"),
        pytest.param("a", "null", None, id="any-of-null"),
        pytest.param("n", "None", None, id="string-or-null"),
        pytest.param("n", "7", "7", id="string-or-null-keeps-text"),
        pytest.param("t", "7", "7", id="string-wins"),
        pytest.param("x", "7", "7", id="no-type-is-text"),
        pytest.param("unknown", "7", "7", id="no-schema-is-text"),
    ],
)
def test_xml_parameters_are_typed_by_the_schema(name: str, written: str, expected) -> None:
    """XML knows only text; the tool's schema says what it is."""
    parameter = f"<parameter={name}>\n{written}\n</parameter>"
    text = f"<tool_call><function=f>{parameter}</function></tool_call>"
    answer = agreed(text_chunks([text]), request(tools={"f": SCHEMA}))
    assert [("f", {name: expected})] == answer["calls"]


PARTS = [
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<function=get_weather>",
    "</function>",
    json.dumps({"name": "get_weather", "arguments": {}}),
    XML,
    "```",
    "`",
    "\n",
    " ",
    "<",
    "word",
]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), max_size=8),
    st.data(),
    st.sampled_from(["vllm", "openrouter"]),
    st.sampled_from(["stop", "length"]),
)
def test_cuts_do_not_matter(parts: list[str], data: st.DataObject, row: str, finish: str) -> None:
    """However an answer is cut: the same text, thoughts and calls, in every style."""
    text = "".join(parts)
    cuts = data.draw(st.sets(st.integers(0, len(text)), max_size=6))
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    said = request(tools=WEATHER, gateway=row)
    whole = agreed([completion({"content": text}, finish)], said)
    assert whole == agreed(text_chunks(pieces, finish), said)
    assert whole == agreed(text_chunks(list(text), finish), said)


XML_CALL = (
    "<tool_call>\n<function={}>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>"
)


@pytest.mark.pain("P24")
@pytest.mark.parametrize(
    ("text", "calls", "left"),
    [
        pytest.param(XML_CALL.format("get_weather"), [{"city": "Paris"}], "", id="xml"),
        pytest.param(
            'Let me see.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n'
            "</tool_call>",
            [{"city": "Paris"}],
            "Let me see.",
            id="hermes",
        ),
        pytest.param(XML_CALL.format("rm_rf"), [], XML_CALL.format("rm_rf"), id="unknown-tool"),
        pytest.param("Write <tool_call> first.", [], "Write <tool_call> first.", id="prose"),
    ],
)
def test_a_call_left_in_the_text_is_recovered_from_a_gateway(
    gateway_server: Server, text: str, calls: list, left: str
) -> None:
    """A whole call of a bound tool leaves the text, one-shot and streamed, with a note."""
    server = gateway_server("vllm")
    pieces = [text[start : start + 5] for start in range(0, len(text), 5)]
    server.script(answer(text), Raw(events=text_chunks(pieces)))
    model = model_on(server, "qwen3.6-27b", enable_thinking=False).bind_tools([get_weather])
    for message in (model.invoke("Hi"), streamed(model)):
        assert [call["args"] for call in message.tool_calls] == calls
        assert message.text == left
        assert ("notes" in message.response_metadata) == bool(calls)


@pytest.mark.parametrize(
    ("block", "args"),
    [
        pytest.param(
            XML[: XML.index("</function>")] + "<parameter=un", '{"city": "Paris"]', id="xml"
        ),
        pytest.param("<tool_call>\n<function=get_weather>\n<parameter=ci", "{]", id="xml-first"),
    ],
)
def test_a_block_cut_by_the_token_limit_is_an_invalid_call(block: str, args: str) -> None:
    """A cut call is no text and is never run: it keeps the parameters that were complete."""
    answer = agreed(text_chunks([block], "length"), BOUND)
    assert ([], [("get_weather", args)], "") == (answer["calls"], answer["invalid"], answer["text"])
