"""What the benchmarks make of the rounds of a row."""

from __future__ import annotations

import pytest

from benchmarks.rows import Row


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param({"unit": "ms"}, 1.0, id="a time"),
        pytest.param({"unit": "ms", "measure": "cpu"}, 1.0, id="CPU"),
        pytest.param({"unit": "req/s", "rate": True}, 9.0, id="a rate"),
        pytest.param({"unit": "MB", "measure": "mb"}, 2.0, id="memory"),
    ],
)
def test_a_row_shows_its_quickest_round_and_the_median_of_its_memory(
    row: dict[str, object], expected: float
) -> None:
    """What else the machine does adds to a time, and never takes away from it."""
    assert Row(title="row", case="invoke", **row).of_rounds([2.0, 1.0, 9.0]) == expected  # type: ignore[arg-type]
