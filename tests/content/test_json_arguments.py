"""A tool call's arguments in the history: which value becomes which JSON, what is refused."""

from __future__ import annotations

import json
from array import array
from collections import ChainMap, UserString, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from pydantic import BaseModel

from langchain_qwen36._content.json_arguments import arguments_to_json
from langchain_qwen36.errors import MessageError


class Color(Enum):
    RED = "red"


class Order(BaseModel):
    price: Decimal


@dataclass
class Point:
    x: object
    tags: set[str] = field(default_factory=set)


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 (untyped ones are what the wild has)


class Table:
    """A container that is printed, as pandas's tables are."""

    def __len__(self) -> int:
        return 1

    def __iter__(self):
        return iter(["a"])

    def __contains__(self, item: object) -> bool:
        return False

    def __str__(self) -> str:
        return "   a\n0  1"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(np.uint64(2**63), 2**63, id="uint64"),
        pytest.param(np.longdouble(0.5), 0.5, id="longdouble"),
        pytest.param(np.array(3), 3, id="array-without-dimension"),
        pytest.param(np.array([Decimal("0.5")]), [0.5], id="array-of-objects"),
        pytest.param(array("i", [1, 2]), [1, 2], id="array-array"),
        pytest.param(Decimal("1.5"), 1.5, id="decimal"),
        pytest.param(Decimal("3.00"), 3, id="whole-decimal"),
        pytest.param(Fraction(1, 2), 0.5, id="fraction"),
        pytest.param(2**70, 2**70, id="70-bits"),
        pytest.param({10, 9, "b", "a"}, [9, 10, "a", "b"], id="set"),
        pytest.param(deque([1, 2]), [1, 2], id="deque"),
        pytest.param(range(3), [0, 1, 2], id="range"),
        pytest.param({"a": 1}.keys(), ["a"], id="keys"),
        pytest.param(Pair(1, 2), [1, 2], id="namedtuple"),
        pytest.param(ChainMap({"a": 1}), {"a": 1}, id="mapping"),
        pytest.param(Order(price=Decimal("0.5")), {"price": 0.5}, id="pydantic"),
        pytest.param(Point(np.int64(1), {"t"}), {"x": 1, "tags": ["t"]}, id="dataclass"),
        pytest.param(Color.RED, "red", id="enum"),
        pytest.param(datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00", id="datetime"),
        pytest.param(date(2026, 1, 2), "2026-01-02", id="date"),
        pytest.param(time(3, 4), "03:04:00", id="time"),
        pytest.param(timedelta(seconds=3), "0:00:03", id="timedelta"),
        pytest.param(
            np.datetime64("2026-01-02T03", "ns"), "2026-01-02T03:00:00.000000000", id="ns"
        ),
        pytest.param(np.array(["2026-01-02"], "M8[ns]")[:0], [], id="no-dates"),
        pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="uuid"),
        pytest.param(PurePosixPath("/a"), "/a", id="path"),
        pytest.param("\ud800", "\ufffd", id="lone-surrogate"),
    ],
)
@pytest.mark.parametrize("beside", [{}, {1: 2}], ids=["orjson", "json"])
def test_a_value_keeps_its_meaning(value: object, expected: object, beside: dict[Any, int]) -> None:
    """Numbers stay numbers and lists lists; the two encoders agree."""
    text = arguments_to_json("f", {"x": value, **beside}).text

    assert json.loads(text) == {"x": expected, **{str(key): beside[key] for key in beside}}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"a", id="bytes"),
        pytest.param(np.bytes_(b"a"), id="numpy-bytes"),
        pytest.param(memoryview(b"a"), id="memoryview"),
        pytest.param(UserString("a"), id="user-string"),
        pytest.param(1j, id="complex"),
        pytest.param(np.clongdouble(1j), id="numpy-complex"),
        pytest.param(object(), id="object"),
        pytest.param(Order, id="class"),
        pytest.param(Color, id="enum-class"),
        pytest.param(len, id="function"),
        pytest.param((x for x in "a"), id="generator"),
        pytest.param(Table(), id="table"),
    ],
)
def test_what_has_no_form_in_json_is_named(value: object) -> None:
    """The error names the tool, the argument and the type."""
    expected = (
        "The arguments of the tool call `f` cannot be written as JSON: `a.x[1]` is of type "
        f"`{type(value).__name__}`, which has no form in JSON."
    )
    with pytest.raises(MessageError) as caught:
        arguments_to_json("f", {"a": {"x": [1, value]}})

    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, "", id="none"),
        pytest.param("null", "", id="a-word"),
        pytest.param(float("inf"), "`x` is inf", id="infinity"),
        pytest.param(Decimal("NaN"), "`x` is nan", id="decimal"),
        pytest.param(Decimal("sNaN"), "`x` is nan", id="signaling-decimal"),
        pytest.param(Point(float("nan")), "`x.x` is nan", id="dataclass"),
        pytest.param({1, float("nan")}, "`x[1]` is nan", id="set"),
        pytest.param([None, (0, {"a": np.float32("nan")})], "`x[1][1].a` is nan", id="nested"),
        pytest.param(np.datetime64("NaT"), "`x` is nan", id="no-date"),
        pytest.param(np.array(["NaT"], "M8[ns]"), "`x[0]` is nan", id="no-date-in-an-array"),
        pytest.param([2**70, float("nan")], "`x[1]` is nan", id="beside-a-large-integer"),
    ],
)
def test_the_first_that_is_no_number_is_named(value: object, expected: str) -> None:
    """Whoever sends null instead of NaN, infinity or a missing value knows where."""
    assert arguments_to_json("f", {"x": value}).not_finite == expected


def test_a_value_that_holds_itself_is_refused() -> None:
    """No search for the fault goes on for ever."""
    loop: list[object] = []
    loop += [loop, loop]
    with pytest.raises(MessageError, match=r"`f` .* is nested too deeply"):
        arguments_to_json("f", {"x": loop})


def test_a_fraction_beyond_all_floats_is_refused() -> None:
    """An overflow while converting is an error of ours that names the tool."""
    with pytest.raises(MessageError, match=r"`f` .*`x` is integer division result too large"):
        arguments_to_json("f", {"x": Fraction(10**400, 3)})
