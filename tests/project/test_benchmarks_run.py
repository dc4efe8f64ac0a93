"""The benchmarks still run; how fast is not asked here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("langchain_openai")
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Return what the quick form prints."""
    pictures = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--pictures", str(pictures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(240)
def test_every_row_is_measured(printed):
    """One line for each, with a figure of ours in it."""
    for title in (
        "stream, per chunk",
        "v3 events, per chunk",
        "invoke, one after another",
        "1,000 ainvoke at once",
        "1,000 streams of 200 chunks at once",
        "10,000 ainvoke at once",
        "invoke over TLS, 20 ms away",
        "… such streams on one core",
        "construct a model",
        "import",
    ):
        assert f"\n| {title} | " in printed


@pytest.mark.timeout(240)
def test_the_servers_own_rate_is_shown(printed):
    """Without it nobody knows whose limit was measured."""
    assert "The server alone gives" in printed
