"""Random tool schemas as MCP servers, OpenAPI and Go structs write them."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "type", "$ref", "definitions", "properties", "items", "名"])
LEAVES = st.sampled_from(
    [
        True,
        False,
        {},
        None,
        {"type": "string"},
        {"type": ["integer", "null"]},
        {"enum": [1, None, "x"]},
        {"const": None},
        {"$ref": "#/$defs/A"},
        {"$ref": "#/$defs/Gone"},
        {"$ref": "https://example.org/x"},
        {"type": "string", "format": "uri", "description": "d"},
        {"type": "object"},
        {"type": "array"},
        {"properties": None, "required": None},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda child: st.one_of(
        st.builds(
            lambda p: {"type": "object", "properties": p, "additionalProperties": False},
            st.dictionaries(NAMES, child, max_size=3),
        ),
        child.map(lambda item: {"type": "array", "items": item}),
        st.lists(child, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        child.map(lambda value: {"type": "object", "additionalProperties": value}),
    ),
    max_leaves=8,
)
ROOTS = st.builds(
    lambda properties, definition: {
        "type": "object",
        "properties": properties,
        "$defs": {"A": definition},
    },
    st.dictionaries(NAMES, SCHEMAS, max_size=4),
    SCHEMAS,
)
