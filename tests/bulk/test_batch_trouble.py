"""What goes wrong with a batch: one job and one bill all the same, and no row without an end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from bulk_runs import model_of
from loopback.batch import BatchGateway, Trouble

from langchain_qwen36._transport import no_waiting
from langchain_qwen36.bulk import BatchJob
from langchain_qwen36.errors import InvalidRequestError, QwenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = [("1", "You wrote: a"), ("2", "You wrote: b"), ("3", "You wrote: c")]


@contextmanager
def submitted(gateway: BatchGateway, tmp_path: Path) -> Iterator[BatchJob]:
    """Submit three rows, without waits."""
    with no_waiting():
        model = model_of(gateway)
        with BatchJob.submit(model, ["a", "b", "c"], state=tmp_path / "job.db") as job:
            yield job


@contextmanager
def attached(gateway: BatchGateway, tmp_path: Path) -> Iterator[BatchJob]:
    """Attach to the job, without waits."""
    with no_waiting(), BatchJob.attach(model_of(gateway), tmp_path / "job.db") as job:
        yield job


def endings(job: BatchJob) -> list[tuple[str, Any]]:
    """Wait, and return each row's id with its answer or the code of its error."""
    return [
        (row.id, row.message.text if row.error is None and row.message else _code(row.error))
        for row in job.results()
    ]


def _code(error: Any) -> str:
    return (error or {}).get("code") or (error or {}).get("type")


# The call that makes the batch.


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Trouble(status=502, after=True), id="502-after-it-was-made"),
        pytest.param(Trouble(status=500, after=True), id="500-after-it-was-made"),
        pytest.param(Trouble(status=504, after=True), id="504-after-it-was-made"),
        pytest.param(Trouble(status=409, after=True), id="409-after-it-was-made"),
        pytest.param(Trouble(status=429, after=True), id="429-after-it-was-made"),
        pytest.param(Trouble(reset=True, after=True), id="reset-after-it-was-made"),
        pytest.param(Trouble(cut=True, after=True), id="answer-cut"),
        pytest.param(Trouble(body=b"<html>ok</html>", after=True), id="answer-is-a-page"),
        pytest.param(Trouble(body=b"{}", after=True), id="answer-without-an-id"),
        pytest.param(Trouble(status=502), id="502-before-it-was-made"),
        pytest.param(Trouble(reset=True), id="reset-before-it-was-made"),
        pytest.param(Trouble(status=429), id="throttled"),
    ],
)
@pytest.mark.parametrize("lag", [0, 2], ids=["listed-at-once", "listed-late"])
def test_an_uncertain_creation_makes_one_batch(trouble: Trouble, lag: int, tmp_path: Path) -> None:
    """It is looked for by its input file, several times, before it is made again."""
    with BatchGateway(shown_after=lag) as gateway:
        gateway.trouble("create", trouble)
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert gateway.jobs_made == 1
    assert sorted(gateway.bills.values()) == [1, 1, 1]


def test_a_batch_that_cannot_be_made_is_looked_for_by_the_next_process(tmp_path: Path) -> None:
    """Every try failed after the batch was made, and no listing worked: it is found later."""
    with BatchGateway() as gateway:
        gateway.trouble("create", Trouble(status=502, after=True))
        gateway.trouble("list", *[Trouble(status=503)] * 50)
        with pytest.raises(QwenError), submitted(gateway, tmp_path):
            pass
        gateway._troubles.clear()
        with attached(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert gateway.jobs_made == 1


def test_a_gateway_that_never_makes_it_is_given_up_and_nothing_is_lost(tmp_path: Path) -> None:
    """Three tries; the rows are sent when it works again."""
    with BatchGateway() as gateway:
        gateway.trouble("create", *[Trouble(status=503)] * 3)
        with pytest.raises(QwenError), submitted(gateway, tmp_path):
            pass
        assert gateway.requests.count("create") == 3
        with attached(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert gateway.jobs_made == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_final_and_its_file_is_deleted(status: int, tmp_path: Path) -> None:
    """A definite refusal is raised; the same job may be submitted again when it is mended."""
    with BatchGateway() as gateway:
        gateway.trouble("create", Trouble(status=status))
        with pytest.raises(QwenError), submitted(gateway, tmp_path):
            pass
        assert gateway.files == {}
        assert gateway.requests.count("create") == 1
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert gateway.jobs_made == 1


def test_a_listing_that_ignores_its_filter_gives_no_other_batch(tmp_path: Path) -> None:
    """Other batches of the account are told apart by their input file, on all pages."""
    with BatchGateway(ignores_filter=True, polls=0) as gateway:
        for number in range(250):
            gateway._begin([], f"file-{number}", "qwen3.6-flash", {})
        gateway.trouble("create", Trouble(status=502, after=True))
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert gateway.requests.count("create") == 1


def test_a_second_batch_of_the_same_file_is_cancelled(tmp_path: Path) -> None:
    """Two were made of one call, by a proxy that repeats: one of them is paid."""
    with BatchGateway(polls=3) as gateway:
        create = gateway._create

        def twice(body: bytes) -> Any:
            create(body)
            return create(body)

        gateway._create = twice  # type: ignore[method-assign]
        gateway.trouble("create", Trouble(status=502, after=True))
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
        gateway.finish()
    assert sorted(job.status for job in gateway.jobs.values()) == ["cancelled", "completed"]
    assert sorted(gateway.bills.values()) == [1, 1, 1]


def test_the_call_that_makes_a_batch_goes_over_a_connection_of_its_own(tmp_path: Path) -> None:
    """On a kept connection that dies, the transport would send it again by itself."""
    with BatchGateway() as gateway, submitted(gateway, tmp_path) as job:
        job.wait()
        ports = gateway.ports
    assert ports["create"] != ports["upload"]
    assert ports["status"] == ports["create"]  # calls that may be repeated keep connections


# Uploads, polls, downloads, deletions.


@pytest.mark.parametrize(
    ("endpoint", "trouble"),
    [
        pytest.param("upload", Trouble(status=503), id="upload-503"),
        pytest.param("upload", Trouble(reset=True), id="upload-reset"),
        pytest.param("status", Trouble(status=500), id="poll-500"),
        pytest.param("status", Trouble(reset=True), id="poll-reset"),
        pytest.param("status", Trouble(status=429), id="poll-throttled"),
        pytest.param("status", Trouble(status=404), id="poll-not-found-yet"),
        pytest.param("status", Trouble(body=b"<html>"), id="poll-page"),
        pytest.param(
            "status", Trouble(body=b'{"id": "other", "status": "completed"}'), id="poll-other"
        ),
        pytest.param("content", Trouble(status=502), id="download-502"),
        pytest.param("content", Trouble(reset=True), id="download-reset"),
        pytest.param("content", Trouble(cut=True), id="download-cut"),
        pytest.param("delete", Trouble(status=500), id="delete-500"),
        pytest.param("delete", Trouble(status=404), id="deleted-already"),
    ],
)
def test_one_failed_call_changes_nothing(endpoint: Any, trouble: Trouble, tmp_path: Path) -> None:
    """Calls that may be repeated are repeated."""
    with BatchGateway() as gateway:
        gateway.trouble(endpoint, trouble)
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert gateway.jobs_made == 1
    assert sorted(gateway.bills.values()) == [1, 1, 1]


def test_a_download_without_its_second_half_is_fetched_again(tmp_path: Path) -> None:
    """The connection ended in order, but rows that were counted are missing."""
    with BatchGateway(polls=0) as gateway, submitted(gateway, tmp_path) as job:
        job.status()
        (name,) = [name for name in gateway.files if "output" in name]
        whole = gateway.files[name]
        gateway.trouble("content", Trouble(body=whole[: len(whole) // 2]))
        assert endings(job) == OK
    assert gateway.requests.count("content") == 2


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"newline": "\r\n"}, id="crlf"),
        pytest.param({"bom": True}, id="byte-order-mark"),
        pytest.param({"newline": "\r\n", "bom": True}, id="both"),
        pytest.param({"newline": "\n\n"}, id="blank-lines"),
        pytest.param({"reverse": True}, id="other-order"),
    ],
)
def test_result_files_are_read_in_every_form(options: dict[str, Any], tmp_path: Path) -> None:
    """No answer is lost or given to another row."""
    with BatchGateway(**options) as gateway, submitted(gateway, tmp_path) as job:
        assert endings(job) == OK


def test_files_that_cannot_be_deleted_are_deleted_later(tmp_path: Path) -> None:
    """The results are safe; the next look tries again."""
    with BatchGateway() as gateway:
        gateway.trouble("delete", *[Trouble(status=500)] * 20)
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
        assert len(gateway.files) == 2
        gateway._troubles.clear()
        with attached(gateway, tmp_path) as job:
            job.wait()
        assert gateway.files == {}


# Rows.


@pytest.mark.parametrize(
    ("fate", "code", "bills"),
    [
        pytest.param("failed in output", "InvalidParameter", 0, id="in-the-output-file"),
        pytest.param("failed", "InvalidParameter", 0, id="in-the-error-file"),
        pytest.param("failed, other names", "DataInspectionFailed", 0, id="error_code"),
        pytest.param("not run", "batch_expired", 0, id="not-run"),
        pytest.param("missing", "batch_row_missing", 1, id="in-neither-file"),
        pytest.param("garbled", "batch_row_missing", 1, id="unreadable"),
        pytest.param("twice", "You wrote: b", 1, id="twice"),
        pytest.param("failed, then ok", "You wrote: b", 1, id="failed-then-answered"),
        pytest.param("foreign", "You wrote: b", 1, id="beside-a-row-of-nobody"),
    ],
)
def test_each_row_is_judged_by_itself(fate: Any, code: str, bills: int, tmp_path: Path) -> None:
    """The others are answered; no count of the gateway's decides."""
    with BatchGateway(polls=0) as gateway, submitted(gateway, tmp_path) as job:
        key = next(iter(gateway.jobs.values())).lines[1]["custom_id"]
        gateway.fates[key] = fate
        assert endings(job) == [OK[0], ("2", code), OK[2]]
    assert gateway.bills[key] == bills


def test_a_row_that_is_lost_says_that_it_may_be_billed(tmp_path: Path) -> None:
    """It is not run again by itself: it may have been paid."""
    with BatchGateway(polls=0) as gateway, submitted(gateway, tmp_path) as job:
        key = next(iter(gateway.jobs.values())).lines[1]["custom_id"]
        gateway.fates[key] = "missing"
        error = list(job.results())[1].error
    assert error is not None
    assert "whether it was run, and is billed, is not known" in error["message"]
    assert error["retryable"] is False


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_a_batch_that_ends_early_keeps_what_was_answered(end: Any, tmp_path: Path) -> None:
    """Its answers are billed; the other rows may be run again."""
    with BatchGateway(polls=0, end=end) as gateway:
        with submitted(gateway, tmp_path) as job:
            keys = [line["custom_id"] for line in next(iter(gateway.jobs.values())).lines]
            gateway.fates[keys[0]] = "ok"
            assert endings(job) == [OK[0], ("2", "batch_expired"), ("3", "batch_expired")]
        gateway.end = "completed"
        with submitted(gateway, tmp_path) as job:
            assert endings(job) == OK
    assert sorted(gateway.bills.values()) == [1, 1, 1]


def test_errors_of_a_cancelled_batch_are_read_whatever_their_file_is_called(tmp_path: Path) -> None:
    """Recorded: no output file, and an error file that is named as an output."""
    with (
        BatchGateway(polls=0, end="cancelled") as gateway,
        submitted(gateway, tmp_path) as job,
    ):
        assert endings(job) == [(str(n), "batch_expired") for n in (1, 2, 3)]
        (found,) = gateway.jobs.values()
    assert (found.output_file_id, (found.error_file_id or "")[:17]) == (None, "file-batch_output")


def test_a_batch_that_fails_validation_blames_the_lines_that_are_named(tmp_path: Path) -> None:
    """Nothing was run; the others may be run again, and are by the same call."""
    with BatchGateway(polls=0) as gateway, no_waiting():
        model = model_of(gateway)
        say = ["a", "b", "c"]
        problem = {"code": "invalid_body", "message": "bad", "param": "body", "line": 2}
        with BatchJob.submit(model, say, state=tmp_path / "job.db") as job:
            (found,) = gateway.jobs.values()
            found.errors, found.end = [problem], "failed"
            results = list(job.results())
        assert [_code(row.error) for row in results] == [
            "batch_not_run",
            "invalid_body",
            "batch_not_run",
        ]
        with BatchJob.submit(model, say, state=tmp_path / "job.db") as job:
            assert endings(job) == [OK[0], ("2", "invalid_body"), OK[2]]
    assert sorted(gateway.bills.values()) == [1, 1]


def test_a_batch_that_is_refused_as_a_whole_is_every_rows_error(tmp_path: Path) -> None:
    """No line is named."""
    with BatchGateway(polls=0) as gateway, submitted(gateway, tmp_path) as job:
        (found,) = gateway.jobs.values()
        found.errors = [{"code": "too_many_tasks", "message": "later", "line": None}]
        found.end = "failed"
        assert endings(job) == [(str(n), "too_many_tasks") for n in (1, 2, 3)]
    assert gateway.bills == {}


def test_a_batch_of_more_than_thirty_days_ago_is_given_up_in_words(tmp_path: Path) -> None:
    """The gateway does not know it any more: its rows may have been billed, and say so."""
    with BatchGateway(polls=0) as gateway:
        with submitted(gateway, tmp_path):
            pass
        gateway.forgotten.update(gateway.jobs)
        with attached(gateway, tmp_path) as job:
            results = list(job.results())
    assert [_code(row.error) for row in results] == ["batch_not_found"] * 3
    assert results[0].error is not None
    assert "30 days" in results[0].error["message"]


def test_a_gateway_that_cannot_be_reached_for_long_is_an_error_and_no_loss(tmp_path: Path) -> None:
    """Twenty failed looks in a row; a later wait finds the results."""
    with BatchGateway(polls=0) as gateway, submitted(gateway, tmp_path) as job:
        gateway.trouble("status", *[Trouble(status=503)] * 20)
        with pytest.raises(QwenError):
            job.wait()
        assert endings(job) == OK


def test_a_job_that_is_cancelled_before_it_was_sent_sends_nothing(tmp_path: Path) -> None:
    """Its rows say so, and its file is deleted."""
    with BatchGateway() as gateway:
        gateway.trouble("create", *[Trouble(status=503)] * 3)
        with pytest.raises(QwenError), submitted(gateway, tmp_path):
            pass
        gateway._troubles.clear()
        with attached(gateway, tmp_path) as job:
            job.cancel()
            assert endings(job) == [(str(n), "batch_not_run") for n in (1, 2, 3)]
        assert (gateway.jobs, gateway.files) == ({}, {})


def test_a_refused_upload_is_raised(tmp_path: Path) -> None:
    """Nothing was made."""
    with BatchGateway() as gateway:
        gateway.trouble("upload", Trouble(status=400))
        with pytest.raises(InvalidRequestError), submitted(gateway, tmp_path):
            pass
        assert gateway.requests == ["upload"]
