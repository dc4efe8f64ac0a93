"""Other chat models' own unit tests on our reading and writing of messages.

The tests are in the packages' source distributions, which pip downloads into pytest's cache; no
line of them is kept here. `suite_shim.py` puts our functions in the place of theirs. What differs,
differs by design: `differences.toml` says why, and docs/migration.md lists the reasons.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = [pytest.mark.peers, pytest.mark.enable_socket, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
DIFFERENCES = tomllib.loads((HERE / "differences.toml").read_text("utf-8"))["difference"]


class Suite(NamedTuple):
    """The unit tests of a chat model."""

    requirement: str
    """What pip downloads; another version has other tests."""
    model: str
    packages: str = ""
    """Further packages that its tests import and that need not be installed."""
    gateway: str = "openai-compatible"
    folder: str = "tests/unit_tests"


SUITES = {
    "langchain-openai": Suite(
        "langchain-openai==1.7.4", "ChatOpenAI", folder="tests/unit_tests/chat_models"
    ),
    "langchain-openrouter": Suite(
        "langchain-openrouter==0.2.9", "ChatOpenRouter", "openrouter", "openrouter"
    ),
    "langchain-groq": Suite("langchain-groq==1.1.3", "ChatGroq"),
    "langchain-deepseek": Suite("langchain-deepseek==1.1.1", "ChatDeepSeek"),
}
TEST_FILE = {"langchain-openai": "test_base.py"}


@pytest.fixture(params=SUITES)
def suite(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """Return a suite's name and the file of its tests; skip where it cannot be downloaded."""
    name: str = request.param
    wanted = SUITES[name]
    folder = request.config.cache.mkdir("peer-suites")
    unpacked = folder / wanted.requirement.replace("-", "_").replace("==", "-")
    if not unpacked.exists():
        _download(wanted.requirement, folder)
        with tarfile.open(unpacked.with_name(f"{unpacked.name}.tar.gz")) as archive:
            archive.extractall(folder, filter="data")
    return name, unpacked / wanted.folder / TEST_FILE.get(name, "test_chat_models.py")


def _download(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    # Its metadata is made by hatchling, which is installed here.
    command += ["--no-binary=:all:", "--no-build-isolation", requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip(f"{requirement} cannot be downloaded: {done.stderr.strip()[-200:]}")


def _results(name: str, tests: Path, results: Path) -> dict[str, str]:
    """Run the tests in a process of their own; return the outcome of each."""
    wanted = SUITES[name]
    packages = ",".join(filter(None, (name.replace("-", "_"), wanted.packages)))
    environment = {
        **os.environ,
        "PEER_PACKAGES": packages,
        "PEER_MODEL": wanted.model,
        "PEER_GATEWAY": wanted.gateway,
        "PEER_RESULTS": str(results),
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "suite_shim", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, f"--rootdir={tests.parent}", "--noconftest", str(tests)]
    done = subprocess.run(  # noqa: S603
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert results.is_file(), done.stdout[-2000:] + done.stderr[-2000:]
    lines = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    return {line["test"]: line["outcome"] for line in lines}


def test_a_suite_differs_only_where_we_mean_to(suite: tuple[str, Path], tmp_path: Path) -> None:
    """Each test that applies passes, but for those that `differences.toml` gives a reason for."""
    name, tests = suite
    outcomes = _results(name, tests, tmp_path / "results.jsonl")
    failed = {test.split("::")[-1] for test, outcome in outcomes.items() if outcome == "failed"}
    meant = {test for entry in DIFFERENCES for test in entry["tests"].get(name, ())}
    assert failed == meant
    assert sum(outcome == "passed" for outcome in outcomes.values()) >= len(failed)
