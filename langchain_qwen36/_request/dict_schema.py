"""Read dicts that say what an answer looks like: JSON schemas, and OpenAI's forms of them.

Core turns a JSON schema into a function without parameters unless it has `properties` at the top:
a `$ref`, as pydantic writes for a recursive class, or a list would be lost without a word.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

Schema = dict[str, Any]

_FUNCTIONS = frozenset({"name", "function", "toolSpec"})
"""Keys of dicts that core converts whole."""
_PARAMETERS = frozenset({"function", "parameters", "input_schema", "inputSchema"})
_JSON_SCHEMA = frozenset(
    {"type", "properties", "title", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "items"}
)
_NO_OBJECT = frozenset({"anyOf", "oneOf", "enum", "const", "items"})
"""Keys of a JSON schema without `type` that is no object's."""
_DEFINITIONS = ("$defs", "definitions")


def as_function(schema: Schema) -> Schema:
    """Return a schema as a function's dict: name, description, parameters; another as it is.

    Args:
        schema: A JSON schema, OpenAI's `response_format`, what stands in its `json_schema`, or a
            dict that describes a function already.
    """
    inner = schema.get("json_schema")
    if isinstance(inner, dict) or ("schema" in schema and "name" in schema):
        return _from_openai(inner if isinstance(inner, dict) else schema)
    if _describes_a_function(schema) or not _JSON_SCHEMA & schema.keys():
        return schema
    parameters = _without_top_ref(schema)
    title = parameters.pop("title", None) or "answer"
    name = parameters.pop("name", None) or title
    description = parameters.pop("description", None)
    described = {"description": description} if description else {}
    return {"name": name, **described, "parameters": parameters}


def of_typed_dict(typed_dict: type) -> Schema:
    """Return a TypedDict as a function: core cannot read `Required` and `NotRequired`.

    Raises:
        ValueError: pydantic cannot read it either; the message says why.
    """
    try:
        return as_function(TypeAdapter(typed_dict).json_schema())
    except PydanticUserError as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"{typed_dict.__name__} cannot be read as a schema: {why}") from error


def _describes_a_function(schema: Schema) -> bool:
    """Return whether core converts a dict whole; one with a name and `properties` loses these."""
    has_own_schema = "properties" in schema and not _PARAMETERS & schema.keys()
    return bool(_FUNCTIONS & schema.keys()) and not has_own_schema


def _from_openai(inner: Schema) -> Schema:
    kept = {key: inner[key] for key in ("description", "strict") if inner.get(key) is not None}
    name = inner.get("name") or "answer"
    return {"name": name, **kept, "parameters": _without_top_ref(inner.get("schema") or {})}


def _without_top_ref(schema: Schema) -> Schema:
    """Return a copy whose top is a schema itself, not a reference to one of its `$defs`."""
    defs = schema.get("$defs") or schema.get("definitions") or {}
    found = defs.get(str(schema.get("$ref")).rpartition("/")[2])
    if not isinstance(found, dict):
        return dict(schema)
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def with_value(function: Schema) -> Schema | None:
    """Return a function whose parameter `value` is what its parameters said; None: no need.

    Servers take an object only; a list, a union or an enumeration stands inside of one.
    """
    parameters = function.get("parameters")
    if "function" in function or not isinstance(parameters, dict) or _is_object(parameters):
        return None
    inner = {key: value for key, value in parameters.items() if key not in _DEFINITIONS}
    outer = {key: parameters[key] for key in _DEFINITIONS if key in parameters}
    wrapped = {"type": "object", "properties": {"value": inner}, "required": ["value"], **outer}
    return {**function, "parameters": wrapped}


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    if kind is None:
        return "properties" in schema or not _NO_OBJECT & schema.keys()
    return bool(kind == "object")
