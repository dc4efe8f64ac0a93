"""Rewrite JSON schemas of any origin (MCP servers, OpenAPI, Go structs) for every server.

Keywords differ from names of properties by their position: a parameter may be called `definitions`
or `$ref`. See docs/quirks.md#foreign-tool-schemas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFINITIONS = frozenset({"$defs", "definitions"})
_NAMED = DEFINITIONS | {"properties", "patternProperties", "dependentSchemas"}
"""Keywords that hold schemas by name."""
_LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Keywords that hold a list of schemas."""
_SINGLE = frozenset(
    {"items", "contains", "not", "if", "then", "else", "propertyNames", "contentSchema"}
)
"""Keywords that hold one schema."""
_FLAGS = frozenset({"additionalProperties", "unevaluatedProperties", "unevaluatedItems"})
"""Keywords that hold one schema, or a boolean that servers understand."""
_CONTAINERS = _NAMED | _LISTED | _SINGLE | _FLAGS | {"required", "enum", "type"}
"""Keywords whose value is never null; Go writes empty slices and maps as null."""

_MAX_GROWTH = 8
"""Factor by which writing out every `$ref` may multiply the nodes of a schema."""
_FREE_NODES = 500
"""Nodes that a schema may have in any case."""


def normalize_parameters(schema: Any) -> dict[str, Any]:
    """Return the schema of a tool's arguments as an object with properties.

    A boolean sub-schema becomes an object, a `$ref` to nowhere and a null keyword are left out.
    """
    parameters = normalize_schema(schema if isinstance(schema, dict) else {})
    if {"$ref", "anyOf", "oneOf", "allOf"} & parameters.keys():
        return {"type": "object", **parameters}  # arguments are an object whatever the choice
    properties = parameters.get("properties")
    parameters["type"] = "object"
    parameters["properties"] = properties if isinstance(properties, dict) else {}
    return parameters


def normalize_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which every sub-schema is an object and every `$ref` leads somewhere."""
    result = _normalized(schema, schema)
    return result if isinstance(result, dict) else {}


def _normalized(node: Any, root: Mapping[str, Any]) -> Any:
    """Normalize one schema; a value that is no object (`true`, null, a text) accepts everything."""
    if not isinstance(node, dict):
        return {"not": {}} if node is False else {}
    result = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str) and _target(value, root) is None:
            continue
        if value is None and key in _CONTAINERS:
            continue
        result[str(key)] = _children(key, value, lambda child: _normalized(child, root))
    return _without_impossible(result)


def _without_impossible(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out forbidden properties: servers do not understand `false` or `not`."""
    properties = schema.get("properties")
    if isinstance(properties, dict) and {"not": {}} in properties.values():
        required = schema.get("required") or ()
        kept = {k: v for k, v in properties.items() if v != {"not": {}} or k in required}
        return {**schema, "properties": kept}
    if schema.get("items") == {"not": {}}:  # a tuple without further items
        return {key: value for key, value in schema.items() if key != "items"}
    return schema


def _children(key: str, value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to the schemas that a keyword holds; any other value is data and stays."""
    if key in _NAMED and isinstance(value, dict):
        return {str(name): change(child) for name, child in value.items()}
    if isinstance(value, list) and (key in _LISTED or key == "items"):
        return [change(child) for child in value]
    if key in _SINGLE or (key in _FLAGS and not isinstance(value, bool)):
        return change(value)
    return value


def _subschemas(key: str, value: Any) -> Iterator[Any]:
    if key in _NAMED and isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list) and (key in _LISTED or key == "items"):
        yield from value
    elif (key in _SINGLE or key in _FLAGS) and isinstance(value, dict):
        yield value


def may_have_refs(schema: Any) -> bool:
    """Return whether `$ref` occurs: a search of the text is far cheaper than a walk."""
    try:
        return b'"$ref"' in orjson.dumps(schema, default=str)
    except TypeError:  # half an emoji, or an integer beyond 64 bits: the walk decides
        return True


def inline_refs(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with each local `$ref` replaced by what it names.

    A `$ref` into a definition that leads back to itself stays, with the definitions, and so does
    one that points outside or nowhere. If types share types, so that writing them out would
    multiply the schema, all stay.
    """
    if not may_have_refs(schema) or not any(_refs(schema)):
        return schema
    try:
        written: dict[str, Any] = _Inliner(schema).write(schema)
    except _TooLargeError:
        return schema
    bare = {key: value for key, value in written.items() if key not in DEFINITIONS}
    return written if any(_refs(bare)) else bare


class _TooLargeError(Exception):
    """A schema has more nodes than allowed."""


class _Inliner:
    """Writes out the refs of one schema, up to a number of nodes."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._stays: dict[str, bool] = {}
        self._nodes_left = _MAX_GROWTH * sum(1 for _ in _nodes(root)) + _FREE_NODES

    def write(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise _TooLargeError
        ref = node.get("$ref")
        if not isinstance(ref, str):
            return {
                key: value if key in DEFINITIONS else _children(key, value, self.write)
                for key, value in node.items()
            }
        target = _target(ref, self._root)
        if target is None or self._leads_to_itself(ref):
            return node
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        return self.write(target) | self.write(siblings)

    def _leads_to_itself(self, ref: str) -> bool:
        """Return whether the target of `ref` contains itself, so that it cannot be written out."""
        if ref not in self._stays:
            ahead, met = set(_refs(_target(ref, self._root))), set()
            while ahead and ref not in met:
                found = ahead.pop()
                met.add(found)
                ahead |= set(_refs(_target(found, self._root))) - met
            self._stays[ref] = ref in met
        return self._stays[ref]


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every schema in a schema, including itself and the definitions."""
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            for child in _subschemas(key, value):
                yield from _nodes(child)


def _refs(node: Any) -> Iterator[str]:
    """Yield every `$ref` in a schema, except in definitions."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for key, value in node.items():
            if key not in DEFINITIONS:
                for child in _subschemas(key, value):
                    yield from _refs(child)


def _target(ref: str, root: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema that `#/…` names, or None."""
    node: Any = root
    steps = ref.split("/")
    if steps[0] != "#":
        return None
    for step in steps[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return node if isinstance(node, dict) else None
