"""The ledger's writer does each job once, in order, whoever closes it meanwhile."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from langchain_qwen36.spend.writer import Writer


@pytest.fixture
def done() -> list[object]:
    """Return the payloads of the jobs that were done."""
    return []


@pytest.fixture
def writer(done) -> Writer:
    """Return a writer that only notes what it does."""

    def apply(jobs):
        for job in jobs:
            done.append(job.payload)
            job.finish(job.payload)

    return Writer(apply, "a writer")


@pytest.fixture
def _often_switched():
    """Let threads take turns as often as Python can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_often_switched")
def test_a_job_that_is_queued_as_the_writer_closes_is_done(writer, done):
    """Neither the job nor who closes waits for ever, and jobs of one thread keep their order."""

    def queue(thread: int) -> None:
        for number in range(300):
            assert writer.submit((thread, number)).result(30) == (thread, number)

    with ThreadPoolExecutor(5) as pool:
        queueing = [pool.submit(queue, thread) for thread in range(3)]
        closing = [
            pool.submit(lambda: [writer.close() for _ in range(300)] and None) for _ in range(2)
        ]
        for future in queueing + closing:
            assert future.result(60) is None
    for thread in range(3):
        numbers = [number for of, number in done if of == thread]
        assert numbers == list(range(300))


def test_jobs_that_are_queued_behind_a_close_wait_for_those_before(writer, done):
    """A writer that opens again begins when the old thread has written what it had."""
    goes_on = threading.Event()
    note = writer._apply

    def apply(jobs):
        if jobs[0].payload == "first":
            assert goes_on.wait(30)
        note(jobs)

    writer._apply = apply
    writer.put("first")
    closing = threading.Thread(target=writer.close)
    closing.start()
    closing.join(0.1)
    second = writer.submit("second")
    assert not done
    goes_on.set()
    second.result(30)
    closing.join(30)
    assert done == ["first", "second"]


def test_a_writer_whose_thread_could_not_start_tries_again(writer, monkeypatch):
    """The job that had no thread raises; the next one finds one."""

    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        with pytest.raises(RuntimeError, match="can't start"):
            writer.submit(1)
    assert writer.submit(2).result(30) == 2
    writer.close()
