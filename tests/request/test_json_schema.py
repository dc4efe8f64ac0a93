"""Schemas of MCP servers, OpenAPI and Go structs, made what every server accepts."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from schemas import ROOTS

from langchain_qwen36._request.json_schema import (
    inline_refs,
    normalize_parameters,
    normalize_schema,
)

EMPTY = {"type": "object", "properties": {}}
STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({}, EMPTY, id="empty"),
        pytest.param(None, EMPTY, id="none"),
        pytest.param({"type": "object"}, EMPTY, id="no-properties"),
        pytest.param({"type": "object", "properties": None}, EMPTY, id="null-properties"),
        pytest.param({"type": "object", "properties": [], "required": None}, EMPTY, id="go"),
        pytest.param({"type": None, "properties": {}}, EMPTY, id="null-type"),
        pytest.param(
            {"properties": {"a": True, "b": STRING}},
            {"type": "object", "properties": {"a": {}, "b": STRING}},
            id="true",
        ),
        pytest.param(
            {"properties": {"a": False, "b": STRING}},
            {"type": "object", "properties": {"b": STRING}},
            id="false",
        ),
        pytest.param(
            {"properties": {"a": {"items": True, "additionalProperties": False}}},
            {"type": "object", "properties": {"a": {"items": {}, "additionalProperties": False}}},
            id="true-in-depth",
        ),
        pytest.param(
            {"properties": {"a": {"anyOf": [True, STRING]}}},
            {"type": "object", "properties": {"a": {"anyOf": [{}, STRING]}}},
            id="true-in-a-list",
        ),
        pytest.param(
            {"properties": {"a": {"prefixItems": [STRING], "items": False}}},
            {"type": "object", "properties": {"a": {"prefixItems": [STRING]}}},
            id="closed-tuple",
        ),
        pytest.param(
            {"properties": {"a": {"$ref": "#/$defs/Gone", "description": "d"}}},
            {"type": "object", "properties": {"a": {"description": "d"}}},
            id="dangling-ref",
        ),
        pytest.param(
            {"properties": {"a": {"default": None, "enum": [None, True], "const": True}}},
            {
                "type": "object",
                "properties": {"a": {"default": None, "enum": [None, True], "const": True}},
            },
            id="data-stays",
        ),
        pytest.param(
            {"properties": {"properties": STRING, "required": True, "$ref": STRING}},
            {
                "type": "object",
                "properties": {"properties": STRING, "required": {}, "$ref": STRING},
            },
            id="parameters-called-as-keywords",
        ),
    ],
)
def test_a_foreign_schema_becomes_an_object_with_properties(schema, expected):
    """Each form is rewritten to an equal one that strict servers accept; the given one stays."""
    given_schema = deepcopy(schema)

    assert normalize_parameters(schema) == expected
    assert schema == given_schema


def test_a_parameter_called_definitions_keeps_its_type():
    """Keywords are told from names by place, so the `$ref` in such a parameter is written out."""
    term = {"type": "object", "properties": {"word": STRING}}
    schema = {
        "type": "object",
        "properties": {"definitions": {"type": "array", "items": {"$ref": "#/$defs/Term"}}},
        "$defs": {"Term": term},
    }

    assert inline_refs(schema) == {
        "type": "object",
        "properties": {"definitions": {"type": "array", "items": term}},
    }


def test_types_that_share_types_do_not_double_per_level():
    """Where writing refs out would multiply the schema, they stay with their definitions."""
    definitions: dict = {"T30": STRING}
    for n in range(30):
        ref = {"$ref": f"#/$defs/T{n + 1}"}
        definitions[f"T{n}"] = {"type": "object", "properties": {"a": ref, "b": ref}}
    schema = {"properties": {"x": {"$ref": "#/$defs/T0"}}, "$defs": definitions}

    assert inline_refs(schema) is schema


def is_accepted(node) -> bool:
    """Return whether every sub-schema is an object, and no keyword is null."""
    if not isinstance(node, dict):
        return False
    named = [child for key in ("properties", "$defs") for child in (node.get(key) or {}).values()]
    single = [node[key] for key in ("items",) if key in node]
    flag = node.get("additionalProperties")
    single += [] if flag is None or isinstance(flag, bool) else [flag]
    children = [*named, *node.get("anyOf", []), *single]
    nulls = [
        k
        for k in ("type", "properties", "required", "items", "anyOf")
        if k in node and node[k] is None
    ]
    return not nulls and all(map(is_accepted, children))


@given(ROOTS)
@settings(max_examples=200, deadline=None)
def test_any_schema_is_left_with_objects_and_whole_refs(schema):
    """A random foreign schema holds only objects, and each `$ref` names a definition it carries."""
    normalized = normalize_parameters(schema)
    written = inline_refs(normalized)

    assert is_accepted(normalized)
    Draft202012Validator.check_schema(normalized)
    Draft202012Validator.check_schema(written)
    assert "#/$defs/Gone" not in json.dumps(written)
    if '"$ref": "#/$defs/A"' in json.dumps(written):
        assert "A" in written["$defs"]
    assert normalize_schema(normalized) == normalized


def test_a_choice_of_schemas_gets_no_properties() -> None:
    """`properties` would narrow it; the type is what LM Studio asks of any schema."""
    either = {"anyOf": [{"type": "object", "properties": {"a": STRING}}, EMPTY]}
    assert normalize_parameters(either) == {"type": "object", **either}
