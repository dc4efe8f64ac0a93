"""Wrap schemas that are no class, such as `list[Person]` or `Literal["a", "b"]`.

Tools and JSON modes need an object at the top, so the type becomes the field `value` of a class,
and the parser returns the value.
"""

from __future__ import annotations

import enum
import sys
from dataclasses import is_dataclass
from inspect import isbuiltin, isfunction, ismethod
from typing import TYPE_CHECKING, Any, is_typeddict

from langchain_core.tools import BaseTool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, RootModel, create_model, model_validator
from pydantic.errors import PydanticUserError
from typing_extensions import is_typeddict as is_backported_typeddict

from langchain_qwen36._model.output_parser import StructuredOutputParser

if TYPE_CHECKING:
    from langchain_core.outputs import Generation


_FUNCTIONS = (isfunction, ismethod, isbuiltin)


class _Value(BaseModel):
    """The answer."""

    @model_validator(mode="before")
    @classmethod
    def _take_a_bare_value(cls, data: Any) -> Any:
        """Accept the value without its wrapper: models write a bare list in JSON mode."""
        is_wrapped = isinstance(data, dict) and data.keys() == {"value"}
        return data if is_wrapped else {"value": data}


class ValueParser(StructuredOutputParser):
    """Parses a message into the value of a wrapped schema."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Read the first generation, and unwrap the value."""
        wrapped = super().parse_result(result, partial=partial)
        if not isinstance(wrapped, dict):
            return getattr(wrapped, "value", wrapped)
        # A dict's schema: the value may be half streamed, or have come without its wrapper.
        return wrapped.get("value") if wrapped.keys() <= {"value"} else wrapped


def wrap(schema: Any) -> type[BaseModel] | None:
    """Return a class with the schema's type as its field `value`; None if no wrapper is needed.

    Raises:
        ValueError: no schema can be made of the value.
    """
    if schema is None or _is_object_schema(schema):
        return None
    try:
        wrapped = create_model(
            "Answer", __base__=_Value, __doc__="The answer.", value=(schema, ...)
        )
        wrapped.model_json_schema()
    except (PydanticUserError, TypeError) as error:
        raise ValueError(
            f"`schema={schema!r}` cannot be written as a JSON schema: wrap it in a pydantic class, "
            f"a TypedDict or a dict with a JSON schema. {_first_line(error)}"
        ) from error
    return wrapped


def _first_line(error: Exception) -> str:
    line, _, _ = str(error).partition("\n")
    return f"(pydantic: {line})"


def _is_object_schema(schema: Any) -> bool:
    """Return whether LangChain turns the value into a tool by itself."""
    if isinstance(schema, dict | BaseTool) or any(is_it(schema) for is_it in _FUNCTIONS):
        return True
    if not isinstance(schema, type):
        return is_typeddict(schema) or is_backported_typeddict(schema)
    if issubclass(schema, RootModel):
        return False  # it has no fields, and may be a list
    has_fields = is_basemodel_subclass(schema) or is_dataclass(schema)
    is_plain = issubclass(schema, enum.Enum) or _is_of_standard_library(schema)
    is_dictionary = is_typeddict(schema) or is_backported_typeddict(schema)
    return has_fields or is_dictionary or not is_plain


def _is_of_standard_library(schema: type) -> bool:
    """Return whether a class is a value of Python's own: `int`, `list`, `date`, `Decimal`."""
    return schema.__module__.partition(".")[0] in sys.stdlib_module_names
