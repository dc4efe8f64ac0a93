from __future__ import annotations

from copy import deepcopy
from functools import partial

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from langchain_qwen36._request.json_schema import inline_refs
from langchain_qwen36._request.tool_choice import choice_to_wire, wants_one_call
from langchain_qwen36._request.tools import (
    schemas_by_name,
    to_wire,
    with_inlined_refs,
)

EMPTY = {"type": "object", "properties": {}}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Looks it up.", "parameters": CITY},
}


def weather(city: str) -> str:
    """Looks it up."""  # noqa: D401 - a user's words
    return city


class Weather(BaseModel):
    """Looks it up."""

    city: str


def named(name):
    """OpenAI's form of a named choice."""
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        pytest.param(weather, "weather", id="function"),
        pytest.param(tool(weather), "weather", id="langchain-tool"),
        pytest.param(Weather, "Weather", id="pydantic"),
        pytest.param(WEATHER, "weather", id="openai"),
        pytest.param(
            {"name": "weather", "description": "Looks it up.", "input_schema": CITY},
            "weather",
            id="anthropic",
        ),
        pytest.param(
            {"name": "weather", "description": "Looks it up.", **CITY}, "weather", id="named-schema"
        ),
        pytest.param(
            {"name": "weather", "description": "Looks it up.", "inputSchema": CITY},
            "weather",
            id="mcp",
        ),
        pytest.param(
            {"title": "weather", "description": "Looks it up.", **CITY}, "weather", id="schema"
        ),
        pytest.param(
            {
                "type": "function",
                "name": "weather",
                "description": "Looks it up.",
                "parameters": CITY,
            },
            "weather",
            id="openai-responses",
        ),
    ],
)
def test_every_kind_of_tool_has_one_wire_form(given, name):
    """Functions, classes, tools and the dicts of three vendors say the same."""
    [wire] = to_wire([given])

    assert wire == {**WEATHER, "function": {**WEATHER["function"], "name": name}}


def test_what_has_no_name_says_how_to_give_one():
    """A partial function has neither name nor docstring that a model could read."""
    with pytest.raises(ValueError, match="wrap it in a function"):
        to_wire([partial(weather, city="Paris")])


def test_a_tool_without_parameters_has_an_empty_object():
    """Servers want the key."""
    [wire] = to_wire([{"name": "now", "description": "The time."}])

    assert wire["function"]["parameters"] == EMPTY


def test_a_server_s_own_tool_goes_through_untouched():
    """Gateways run tools of their own, named by their type."""
    own = {"type": "openrouter:web_search", "engine": "x"}

    assert to_wire([own]) == [own]


def test_strict_is_passed_on():
    """`strict=True` closes the schema, as the server will check it."""
    [wire] = to_wire([weather], strict=True)

    assert wire["function"]["strict"] is True
    assert wire["function"]["parameters"]["additionalProperties"] is False


@pytest.mark.pain("P64")
def test_a_tool_s_cache_mark_stays():
    """LangChain keeps it in `extras`, a dict beside the name."""
    marked = tool(weather)
    marked.extras = {"cache_control": {"type": "ephemeral"}}

    assert to_wire([marked])[0]["cache_control"] == {"type": "ephemeral"}
    assert to_wire([{**WEATHER, "cache_control": 1}])[0]["cache_control"] == 1


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        pytest.param([{"name": "a b"}], ["'a b'"], id="space"),
        pytest.param([{"name": "ä"}], ["'ä'"], id="umlaut"),
        pytest.param([{"name": "x" * 65}], ["xxx", "64"], id="too-long"),
        pytest.param([{"name": ""}], ["''"], id="empty"),
        pytest.param(
            [WEATHER, {"name": "weather", "parameters": {}}],
            ["'weather'", "Two"],
            id="two-of-one-name",
        ),
        pytest.param([{"type": "function"}], ["no tool"], id="no-function"),
        pytest.param(["weather"], ["weather"], id="a-word"),
    ],
)
def test_what_no_server_takes_is_refused(tools, words):
    """By name, before anything is sent."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the words are checked below)
        to_wire(tools)

    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(None, None, id="none-given"),
        pytest.param(False, None, id="false"),
        pytest.param("", None, id="empty"),
        pytest.param("auto", "auto", id="auto"),
        pytest.param({"type": "auto"}, "auto", id="anthropic-auto"),
        pytest.param("none", "none", id="none"),
        pytest.param({"type": "none"}, "none", id="anthropic-none"),
        pytest.param("any", "required", id="any"),
        pytest.param("required", "required", id="required"),
        pytest.param(True, "required", id="true"),
        pytest.param({"type": "any"}, "required", id="anthropic-any"),
        pytest.param("weather", named("weather"), id="name"),
        pytest.param(named("weather"), named("weather"), id="openai"),
        pytest.param({"type": "function", "name": "now"}, named("now"), id="openai-responses"),
        pytest.param({"type": "tool", "name": "now"}, named("now"), id="anthropic"),
    ],
)
def test_every_way_to_choose_has_one_wire_form(given, expected):
    """LangChain's words, a name, and the dicts of two vendors."""
    tools = to_wire([weather, {"name": "now"}])

    assert choice_to_wire(given, tools) == expected


@pytest.mark.parametrize(
    ("choice", "one"),
    [
        pytest.param({"type": "auto", "disable_parallel_tool_use": True}, True, id="one"),
        pytest.param({"type": "auto", "disable_parallel_tool_use": False}, False, id="several"),
        pytest.param({"type": "auto"}, False, id="nothing-said"),
        pytest.param("auto", False, id="a-word"),
    ],
)
def test_anthropics_choice_says_how_many_calls_there_may_be(choice, one):
    """It is the key `parallel_tool_calls` of the request here."""
    assert wants_one_call(choice) is one


@pytest.mark.parametrize("given", ["any", "required", True, {"type": "any"}], ids=str)
def test_some_tool_of_one_is_that_tool(given):
    """More servers take a name than "required"."""
    assert choice_to_wire(given, to_wire([weather])) == named("weather")


def test_some_tool_of_one_function_and_a_server_s_own_stays_open():
    """The server's own may be meant."""
    tools = to_wire([weather, {"type": "openrouter:web_search"}])

    assert choice_to_wire("any", tools) == "required"


@pytest.mark.parametrize(
    ("given", "tools", "words"),
    [
        pytest.param("wether", [weather], ["'wether'", "'weather'"], id="misspelt"),
        pytest.param("weather", [], ["'weather'", "none are bound"], id="nothing-bound"),
        pytest.param("any", [], ["'any'", "needs tools"], id="any-of-none"),
        pytest.param({"type": "allowed_tools"}, [weather], ["allowed_tools"], id="unknown-form"),
        pytest.param(3, [weather], ["3"], id="a-number"),
    ],
)
def test_a_choice_that_names_no_tool_is_refused(given, tools, words):
    """The error lists what is bound."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the words are checked below)
        choice_to_wire(given, to_wire(tools))

    assert [word for word in words if word not in str(refused.value)] == []


class TestRefs:
    """Qwen's parsers read types from the schema as it stands; `$ref` has none."""

    NESTED = {  # noqa: RUF012
        "type": "object",
        "properties": {
            "where": {"$ref": "#/$defs/Place", "description": "here"},
            "list": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Place"}]}},
        },
        "$defs": {
            "Place": {"type": "object", "properties": {"at": {"$ref": "#/$defs/Point"}}},
            "Point": {"type": "number"},
        },
    }
    PLACE = {"type": "object", "properties": {"at": {"type": "number"}}}  # noqa: RUF012

    @pytest.mark.pain("P70")
    def test_refs_are_written_out(self):
        """In depth; what stands beside a `$ref` stays beside."""
        given = deepcopy(self.NESTED)

        assert inline_refs(given) == {
            "type": "object",
            "properties": {
                "where": {**self.PLACE, "description": "here"},
                "list": {"type": "array", "items": {"anyOf": [self.PLACE]}},
            },
        }
        assert given == self.NESTED

    def test_a_schema_without_refs_is_itself(self):
        """Nothing is copied where nothing changes."""
        assert inline_refs(CITY) is CITY

    @pytest.mark.parametrize(
        "definitions",
        [
            pytest.param({"A": {"properties": {"next": {"$ref": "#/$defs/A"}}}}, id="to-itself"),
            pytest.param(
                {
                    "A": {"properties": {"b": {"$ref": "#/$defs/B"}}},
                    "B": {"items": {"$ref": "#/$defs/A"}},
                },
                id="in-a-ring",
            ),
        ],
    )
    def test_a_ring_of_refs_stays(self, definitions):
        """It cannot be written out; the definitions stay with it."""
        schema = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": definitions}

        assert inline_refs(schema) == schema

    def test_definitions_inside_a_definition_make_no_ring(self):
        """They only stand there: nothing of the schema leads to them."""
        place = {"type": "string", "$defs": {"Unused": {"$ref": "#/$defs/Place"}}}
        schema = {"properties": {"a": {"$ref": "#/$defs/Place"}}, "$defs": {"Place": place}}

        assert inline_refs(schema) == {"properties": {"a": place}}

    @pytest.mark.parametrize(
        "ref",
        ["#/$defs/Gone", "https://example.org/schema.json", "#/properties/x/items/0"],
    )
    def test_a_ref_to_nowhere_stays(self, ref):
        """The server may know it; we do not."""
        schema = {"properties": {"a": {"$ref": ref}, "x": {"items": [1]}}}

        assert inline_refs(schema) == schema

    def test_a_ref_to_nowhere_inside_a_definition_stays(self):
        """What leads to the definition is written out; the definitions stay with what is left."""
        definitions = {"Place": {"items": {"$ref": "#/$defs/Gone"}}}
        schema = {"properties": {"a": {"$ref": "#/$defs/Place"}}, "$defs": definitions}

        assert inline_refs(schema) == {
            "properties": {"a": definitions["Place"]},
            "$defs": definitions,
        }

    def test_a_ref_to_the_root_stays(self):
        """`#` is the schema itself: a ring."""
        schema = {"properties": {"child": {"$ref": "#"}}}

        assert inline_refs(schema) == schema

    def test_a_property_called_ref_is_no_ref(self):
        """Its value is a schema, not a text."""
        schema = {"properties": {"$ref": {"type": "string"}}}

        assert inline_refs(schema) is schema

    def test_names_are_unescaped(self):
        """`~1` is a slash (RFC 6901)."""
        schema = {"items": {"$ref": "#/$defs/a~1b"}, "$defs": {"a/b": {"type": "null"}}}

        assert inline_refs(schema) == {"items": {"type": "null"}}

    def test_tools_are_copied_with_their_refs_written_out(self):
        """The bound tools stay as they were; a server's own has no schema."""
        own = {"type": "openrouter:web_search"}
        tools = to_wire([{"name": "go", "parameters": self.NESTED}, own])
        before = deepcopy(tools)
        written = with_inlined_refs(tools)

        assert written[0]["function"]["parameters"]["properties"]["where"]["type"] == "object"
        assert written[1] == own
        assert tools == before

    def test_the_reader_s_schemas_have_no_refs(self):
        """Who reads the answer need not follow them."""

        class Inner(BaseModel):
            n: int

        class Outer(BaseModel):
            """X."""

            inner: Inner = Field(description="d")

        schemas = schemas_by_name(to_wire([Outer, weather, {"type": "own"}]))

        assert list(schemas) == ["Outer", "weather"]
        assert schemas["Outer"]["properties"]["inner"]["properties"]["n"]["type"] == "integer"


def test_the_same_tool_given_twice_goes_out_once():
    """As with a class and its own JSON schema, whose titles alone differ."""
    wire = to_wire([Weather, {**Weather.model_json_schema()}])
    assert [tool["function"]["name"] for tool in wire] == ["Weather"]


def test_a_schema_that_is_too_deep_names_its_tool() -> None:
    """A schema that no reader can walk is refused before anything is sent, by the tool's name."""
    schema = {"type": "object"}
    for _ in range(100_000):
        schema = {"type": "object", "properties": {"a": schema}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    with pytest.raises(ValueError, match="The schema of the tool 'weather' is nested too deep"):
        to_wire([tool])


def test_an_error_of_a_class_of_the_users_own_is_not_hidden() -> None:
    """What its schema raises says more than we could."""

    class Broken(BaseModel):
        """A class whose schema cannot be made."""

        @classmethod
        def model_json_schema(cls, *_, **__):
            """Fail."""
            raise TypeError("no schema today")

    with pytest.raises(TypeError, match="no schema today"):
        to_wire([Broken])
