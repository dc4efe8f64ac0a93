"""An object of your own class instead of text, on every gateway.

With a gateway's key set: python examples/structured_output.py
With none, on a tiny model: QWEN36_GATEWAY=local python examples/structured_output.py
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from langchain_qwen36 import ChatQwen36


class City(BaseModel):
    """A city."""

    name: str = Field(max_length=40)
    continent: Literal["Africa", "America", "Antarctica", "Asia", "Australia", "Europe"]
    population: int = Field(ge=1, le=40_000_000, description="Within the city's limits.")


# Qwen's servers force no tool call while thinking: left on, it is switched off with a warning.
model = ChatQwen36(model="qwen3.6-plus", enable_thinking=False)

print(repr(model.with_structured_output(City).invoke("The capital of France.")))

# With the message it came in, and the error as a value where there is no such object.
extract = model.with_structured_output(City, include_raw=True)
found = extract.invoke("The city of Kyoto in Asia has 1460000 inhabitants.")
print(repr(found["parsed"] or found["parsing_error"]))
print(found["raw"].usage_metadata)
