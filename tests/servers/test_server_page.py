"""docs/servers.md shows what the servers did in their last kept run, and that it was expected."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from behaviors import BEHAVIORS
from expected import expected
from server_table import PAGE, kept_runs, page_of


def test_the_page_is_written_from_what_was_seen() -> None:
    """Nothing in it was written by hand: it is what tests/servers/seen.json comes to."""
    assert page_of(kept_runs()) == PAGE.read_text("utf-8")


@pytest.mark.parametrize("server", kept_runs())
def test_what_was_seen_is_what_is_expected(server: str) -> None:
    """Every behavior was seen at every server, and none is expected otherwise than it was seen."""
    everything = {behavior: expected(behavior, server) for behavior in BEHAVIORS}
    assert everything == kept_runs()[server]["results"]
