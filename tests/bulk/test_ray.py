"""Bulk runs on a Ray cluster of this machine; an actor is killed and nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from bulk_runs import PROMPT, model_of, numbered

from langchain_qwen36 import bulk
from langchain_qwen36.bulk.ray import run_stage
from langchain_qwen36.errors import BulkInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback import LoopbackGateway

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(540),
    pytest.mark.filterwarnings("ignore"),  # Ray's own, of settings that nobody set
]
ray = pytest.importorskip("ray")
ROWS = 2000


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Start a cluster of two CPUs on this machine."""
    paths = os.environ.get("PYTHONPATH", "")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        object_store_memory=100 << 20,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    yield
    ray.shutdown()


def kill_an_actor(server: LoopbackGateway, journals: Path, killed: list[int]) -> None:
    """Kill the process that runs some batch, once a third of the rows are under way."""
    while len(server.requests) < ROWS // 3:
        time.sleep(0.01)
    for path in sorted(journals.glob("*.db")):
        with bulk.Journal(path, read_only=True) as journal:
            run = journal.last_run()
            if run is not None and run["ended"] is None:
                os.kill(run["settings"]["pid"], signal.SIGKILL)
                killed.append(journal.counts().get("sent", 0))
                return


def test_an_actor_that_is_killed_loses_nothing(
    cluster: None, gateway_server: Callable[..., LoopbackGateway], tmp_path: Path
) -> None:
    """2,000 rows through two actors, one of them killed: each row is answered once."""
    server, killed = gateway_server(), []
    model = model_of(server)
    began = time.monotonic()
    bulk.run(model, numbered(ROWS), output=tmp_path / "plain.jsonl", prompt=PROMPT)
    plain = time.monotonic() - began
    before = len(server.requests)
    killer = threading.Thread(
        target=kill_an_actor, args=(server_from(server, before), tmp_path / "j", killed)
    )
    killer.start()
    began = time.monotonic()
    dataset = ray.data.from_items(numbered(ROWS), override_num_blocks=8)
    stage = run_stage(
        dataset,
        model,
        state_dir=tmp_path / "j",
        actors=2,
        batch_size=250,
        prompt=PROMPT,
        max_concurrency=16,
    )
    answers = {row["id"]: row["answer"] for row in stage.iter_rows()}
    seconds = time.monotonic() - began
    killer.join()
    assert answers == {f"r{n}": f"You said: Say number {n}" for n in range(ROWS)}
    assert len(killed) == 1
    paid = Counter(body["messages"][-1]["content"] for body in server.bodies[before:])
    again = sum(paid.values()) - len(paid)
    assert again <= 16
    overhead = (seconds - plain) / ROWS * 1000
    print(f"0 lost, {again} paid again; {overhead:.2f} ms a row beside {plain / ROWS * 1000:.2f}")  # noqa: T201


class server_from:  # noqa: N801 - a view of a server
    """The requests of a server after so many."""

    def __init__(self, server: LoopbackGateway, before: int) -> None:
        self._server = server
        self._before = before

    @property
    def requests(self) -> list[object]:
        """Those that came since."""
        return list(self._server.requests[self._before :])


def test_settings_of_the_stage_itself_are_refused(tmp_path: Path) -> None:
    """Output, journal, shard and budget are not the caller's business here."""
    with pytest.raises(BulkInputError, match="budget, output: not for a stage"):
        run_stage(None, None, state_dir=tmp_path, output="o.jsonl", budget="1 USD")
