"""A batch gateway on a loopback socket: DashScope's files and batches, with scripted trouble.

    with BatchGateway() as gateway:
        gateway.fates["r2"] = "failed in output"
        gateway.trouble("create", Trouble(status=502, after=True))
        model = ChatQwen36(gateway="dashscope", base_url=gateway.base_url, api_key=gateway.key)

Bodies are those of recordings of 2026-04-17; `gateway.jobs_made`, `gateway.bills` and
`gateway.files` are what the account would show.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from loopback.server import KEY, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Endpoint = Literal["upload", "create", "status", "list", "cancel", "content", "delete", "results"]
Fate = Literal[
    "ok",
    "failed in output",  # a 400 in the output file, while `failed` counts 0
    "failed",  # in the error file, {"code", "message"}
    "failed, other names",  # in the error file, {"error_code", "error_message"}
    "missing",  # in neither file
    "twice",
    "failed, then ok",
    "foreign",  # beside its own, a row that nobody sent
    "not run",  # the batch ended before it was run
    "garbled",  # its line is no JSON
]
End = Literal["completed", "failed", "expired", "cancelled"]

MAX_LINES, MAX_BYTES, MAX_LINE = 50_000, 500_000_000, 1_000_000
INPUT_TOKENS, OUTPUT_TOKENS = 26, 49
CREATED = 1_776_423_924


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What happens to one request instead of its answer."""

    status: int | None = None
    """Answer with this error."""
    reset: bool = False
    """Close the connection without a word."""
    body: bytes | None = None
    """Answer 200 with this."""
    cut: bool = False
    """Send half of the answer."""
    after: bool = False
    """Do what was submitted for first."""
    hold: threading.Event | None = None
    """Set when the request came; it is never answered."""


@dataclass
class Job:
    """A batch."""

    id: str
    lines: list[dict[str, Any]]
    input_file_id: str | None
    model: str
    end: End
    """What it will come to."""
    polls: int
    """How many more answers say that it runs."""
    metadata: Any = None
    status: str = "validating"
    output_file_id: str | None = None
    error_file_id: str | None = None
    counts: Mapping[str, int] = field(
        default_factory=lambda: {"total": 0, "completed": 0, "failed": 0}
    )
    errors: list[dict[str, Any]] | None = None
    results: list[dict[str, Any]] | None = None
    created: int = CREATED

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status in ("completed", "failed", "expired", "cancelled")


@dataclass
class _Answer:
    status: int
    body: bytes
    trouble: Trouble | None = None


class BatchGateway:
    """Serves files and batches while the context lasts.

    Args:
        form: `file`: DashScope's; `inline`: OpenRouter's.
        polls: How many answers say that a batch runs before it is over.
        end: What every batch comes to.
        newline: Between the lines of result files.
        bom: Whether result files begin with a byte order mark.
        reverse: Whether result files are in the opposite order.
        ignores_filter: Whether a listing holds every batch, whatever was filtered by.
        shown_after: How many listings miss a batch that was made.
        models: Of the inline form: ids of `/models`, with the price per token of in- and output.
    """

    def __init__(
        self,
        form: Literal["file", "inline"] = "file",
        *,
        polls: int = 1,
        end: End = "completed",
        newline: str = "\n",
        bom: bool = False,
        reverse: bool = False,
        ignores_filter: bool = False,
        shown_after: int = 0,
        models: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self.form, self.polls, self.end = form, polls, end
        self.newline, self.bom, self.reverse = newline, bom, reverse
        self.ignores_filter, self.shown_after = ignores_filter, shown_after
        self.models = models or {}
        self.key = KEY
        self.files: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.jobs: dict[str, Job] = {}
        self.bills: Counter[str] = Counter()
        """How often each row was run and is billed."""
        self.fates: dict[str, Fate] = {}
        self.default_fates: dict[str, Fate] = {}
        """The same by the last text of a row."""
        self.live_calls = 0
        """Chat completions that were made outside of batches."""
        self.forgotten: set[str] = set()
        """Batches older than 30 days."""
        self.requests: list[str] = []
        """Names of the endpoints, in order."""
        self.bodies: list[dict[str, Any]] = []
        """Bodies of the lines that came, in order."""
        self.created_bodies: list[bytes] = []
        """What `POST /batches` was sent, as bytes."""
        self.say: Callable[[dict[str, Any]], dict[str, Any]] = _echo
        """The message of a row's body."""
        self.ports: dict[str, int] = {}
        """The client's port of the last request to each endpoint: its connection."""
        self.came: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        """Set when the first request to an endpoint came."""
        self._troubles: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = LoopbackServer(self._respond, handler=_Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """Ends as the form's own base URL does."""
        path = "/compatible-mode/v1" if self.form == "file" else "/api/v1"
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    @property
    def jobs_made(self) -> int:
        """Batches that ran: those that failed validation cost nothing."""
        return sum(job.status != "failed" for job in self.jobs.values())

    def trouble(self, endpoint: Endpoint, *troubles: Trouble) -> None:
        """Let the next requests to an endpoint come to these."""
        self._troubles[endpoint].extend(troubles)

    def finish(self) -> None:
        """Let every batch come to its end now."""
        with self._lock:
            for job in self.jobs.values():
                job.polls = 0
                self._advance(job)

    # The HTTP side

    def _respond(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, port: int
    ) -> _Answer:
        parts = urlsplit(url)
        path = parts.path.partition("/v1")[2]
        endpoint, work = self._route(method, path, parse_qs(parts.query), headers, body)
        with self._lock:
            self.requests.append(endpoint)
            self.came[endpoint].set()
            self.ports[endpoint] = port
            waiting = self._troubles[endpoint]
            trouble = waiting.popleft() if waiting else None
            if headers.get("authorization") != f"Bearer {self.key}":
                return _error(401, "invalid_api_key", "Incorrect API key provided.")
            if trouble is None:
                return work()
            answer = work() if trouble.after or trouble.cut else _Answer(200, b"{}")
        if trouble.hold is not None:
            trouble.hold.set()
            self._server.closing.wait()
        if trouble.status is not None:
            answer = _error(trouble.status, None, "Something failed on our side.")
        if trouble.body is not None:
            answer = _Answer(200, trouble.body)
        return _Answer(answer.status, answer.body, trouble)

    def _route(  # noqa: C901, PLR0911 - a table of paths
        self,
        method: str,
        path: str,
        query: Mapping[str, list[str]],
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[str, Callable[[], _Answer]]:
        match method, [part for part in path.split("/") if part]:
            case "POST", ["files"]:
                return "upload", lambda: self._upload(headers, body)
            case "GET", ["files", file_id, "content"]:
                return "content", lambda: self._content(file_id)
            case "DELETE", ["files", file_id]:
                return "delete", lambda: self._delete(file_id)
            case "POST", ["batches"]:
                return "create", lambda: self._create(body)
            case "GET", ["batches"]:
                return "list", lambda: self._list(query)
            case "GET", ["batches", job_id]:
                return "status", lambda: self._status(job_id)
            case "GET", ["batches", job_id, "results"]:
                return "results", lambda: self._results(job_id, query)
            case "POST", ["batches", job_id, "cancel"]:
                return "cancel", lambda: self._cancel(job_id)
            case "DELETE", ["batches", job_id]:
                return "delete", lambda: self._delete_job(job_id)
            case "POST", ["chat", "completions"]:
                return "chat", lambda: self._chat(body)
            case "GET", ["models"]:
                return "models", self._models
        return "unknown", lambda: _error(404, None, f"No such path: {method} {path}")

    # Files

    def _upload(self, headers: Mapping[str, str], body: bytes) -> _Answer:
        fields = _multipart(headers["content-type"], body)
        if fields["purpose"][1] != b"batch":
            return _error(400, "invalid_request_error", "purpose must be batch")
        name, content = fields["file"]
        file_id = self._store("file-batch", content)
        return _json({**_file(file_id, content), "filename": name})

    def _store(self, prefix: str, content: bytes) -> str:
        file_id = f"{prefix}-{next(self._numbers):024x}"
        self.files[file_id] = content
        return file_id

    def _content(self, file_id: str) -> _Answer:
        if file_id not in self.files or "output" not in file_id:
            return _error(404, "not_found", f"No such file object: {file_id}")
        return _Answer(200, self.files[file_id])

    def _delete(self, file_id: str) -> _Answer:
        if self.files.pop(file_id, None) is None:
            return _error(404, "not_found", f"No such file object: {file_id}")
        self.deleted.append(file_id)
        return _json({"id": file_id, "object": "file", "deleted": True})

    # Batches

    def _create(self, body: bytes) -> _Answer:
        self.created_bodies.append(body)
        submitted = json.loads(body)
        if self.form == "inline":
            if list(submitted)[-1] != "requests":
                return _error(400, None, "requests must be the last field")
            lines = [{"url": submitted["endpoint"], **line} for line in submitted["requests"]]
            return self._begin(lines, None, submitted["model"], submitted, status=202)
        content = self.files.get(submitted["input_file_id"])
        if content is None:
            return _error(400, "invalid_request_error", "input_file_id does not exist")
        lines = [json.loads(line) for line in content.splitlines()]
        model = lines[0]["body"]["model"] if lines else ""
        return self._begin(lines, submitted["input_file_id"], model, submitted, content=content)

    def _begin(
        self,
        lines: list[dict[str, Any]],
        input_file_id: str | None,
        model: str,
        submitted: Mapping[str, Any],
        *,
        status: int = 200,
        content: bytes = b"",
    ) -> _Answer:
        job = Job(
            f"batch_{next(self._numbers):08x}-fa04-4935-8b80-2b9c1a4b3ee4",
            lines,
            input_file_id,
            model,
            self.end,
            self.polls,
            submitted.get("metadata"),
            created=int(time.time()),
        )
        self.jobs[job.id] = job
        self.bodies += [line["body"] for line in lines]
        job.errors = _problems(lines, content, submitted) if self.form == "file" else None
        if job.errors:
            job.end, job.polls = "failed", 0
        if status == 202:
            return _Answer(202, json.dumps({"id": job.id, "status": "validating"}).encode())
        return _json(self._object(job))

    def _status(self, job_id: str) -> _Answer:
        job = self.jobs.get(job_id)
        if job is None or job_id in self.forgotten:
            return _error(404, "not_found", f"No batch found with id '{job_id}'.")
        self._advance(job)
        return _json(self._object(job))

    def _advance(self, job: Job) -> None:
        if job.is_over:
            return
        if job.polls > 0:
            job.polls -= 1
            # As long as it runs, the counts stand still.
            job.status = job.status if job.status == "cancelling" else "in_progress"
            job.counts = {"total": len(job.lines), "completed": 0, "failed": 0}
            return
        job.status = job.end
        if job.end != "failed":
            self._run(job)

    def _run(self, job: Job) -> None:
        output: list[str] = []
        errors: list[str] = []
        for line in job.lines:
            fate: Fate = self._fate(line) or "ok"
            if self._is_unrun(job, line):
                fate = "not run"
            self._row(line, fate, output, errors)
        if self.reverse:
            output.reverse()
            errors.reverse()
        in_error = len(errors)
        job.counts = {
            "total": len(job.lines),
            "completed": len(job.lines) - in_error,
            "failed": in_error,
        }
        if self.form == "inline":
            job.results = [json.loads(row) for row in (*output, *errors)]
            return
        # Recorded: a cancelled batch has its error file under the name of an output.
        job.output_file_id = self._write(output)
        job.error_file_id = self._write(errors)

    def _fate(self, line: Mapping[str, Any]) -> Fate | None:
        text = line["body"]["messages"][-1]["content"] if line["body"]["messages"] else ""
        return self.fates.get(line["custom_id"], self.default_fates.get(text))

    def _is_unrun(self, job: Job, line: Mapping[str, Any]) -> bool:
        return job.end in ("expired", "cancelled") and self._fate(line) is None

    def _row(  # noqa: C901 - a table of fates
        self, line: dict[str, Any], fate: Fate, output: list[str], errors: list[str]
    ) -> None:
        custom_id = line["custom_id"]
        good = json.dumps(_row(custom_id, 200, self._completion(line["body"])), ensure_ascii=False)
        bad = {"error": {"code": "InvalidParameter", "message": f"{custom_id} cannot be run"}}
        match fate:
            case "ok" | "foreign":
                output.append(good)
            case "twice":
                output += [good, good]
            case "failed, then ok":
                output += [json.dumps(_row(custom_id, 500, bad)), good]
            case "failed in output":
                output.append(json.dumps(_row(custom_id, 400, bad)))
            case "failed":
                errors.append(json.dumps(_row(custom_id, 400, None, bad["error"])))
            case "failed, other names":
                other = {"error_code": "DataInspectionFailed", "error_message": "flagged"}
                errors.append(json.dumps(_row(custom_id, 400, None, other)))
            case "not run":
                why = {"code": "batch_expired", "message": "This request could not be executed."}
                errors.append(json.dumps({**_row(custom_id, 0, None, why), "response": None}))
            case "garbled":
                output.append(good[: len(good) // 2] + "}")
            case "missing":
                pass
        if fate == "foreign":
            output.append(json.dumps(_row(f"not-{custom_id}", 200, self._completion(line["body"]))))
        if fate in ("ok", "foreign", "twice", "missing", "garbled", "failed, then ok"):
            self.bills[custom_id] += 1

    def _write(self, rows: list[str]) -> str | None:
        if not rows:
            return None
        text = "".join(row + self.newline for row in rows)
        return self._store("file-batch_output", text.encode("utf-8-sig" if self.bom else "utf-8"))

    def _completion(self, body: Mapping[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        message = self.say(dict(body))
        usage: dict[str, Any] = {
            "completion_tokens": OUTPUT_TOKENS,
            "prompt_tokens": INPUT_TOKENS,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        }
        if self.form == "inline":
            usage |= {"cost": 0.0000321, "is_byok": False}
        return {
            "created": 1_776_432_582,
            "usage": usage,
            "model": body.get("model", ""),
            "id": f"chatcmpl-{number:08x}",
            "choices": [
                {
                    "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                    "index": 0,
                    "message": message,
                }
            ],
            "object": "chat.completion",
        }

    def _chat(self, body: bytes) -> _Answer:
        self.live_calls += 1
        return _json(self._completion(json.loads(body)))

    def _cancel(self, job_id: str) -> _Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return _error(404, "not_found", f"No batch found with id '{job_id}'.")
        if self.form == "inline":
            return _error(404, None, "No such path")
        if job.is_over:
            return _error(409, "invalid_request_error", f"Cannot cancel a {job.status} batch.")
        job.status, job.end = "cancelling", "cancelled"
        return _json(self._object(job))

    def _list(self, query: Mapping[str, list[str]]) -> _Answer:
        self.shown_after -= 1
        jobs = list(self.jobs.values()) if self.shown_after < 0 else []
        wanted = ",".join(query.get("input_file_ids", [])).split(",")
        if query.get("input_file_ids") and not self.ignores_filter:
            jobs = [job for job in jobs if job.input_file_id in wanted]
        after = query.get("after", [""])[0]
        ids = [job.id for job in jobs]
        start = ids.index(after) + 1 if after in ids else 0
        limit = int(query.get("limit", ["20"])[0])
        page = [self._object(job) for job in jobs[start : start + limit]]
        first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
        return _json(
            {
                "object": "list",
                "data": page or None,  # recorded: an empty list is null
                "first_id": first,
                "last_id": last,
                "has_more": start + limit < len(jobs),
            }
        )

    def _results(self, job_id: str, query: Mapping[str, list[str]]) -> _Answer:
        job = self.jobs.get(job_id)
        if job is None or job.results is None:
            return _error(404, None, "No results")
        start = int(query.get("cursor", ["0"])[0])
        page = job.results[start : start + 2]
        more = str(start + 2) if start + 2 < len(job.results) else None
        return _json({"object": "list", "data": page, "next_cursor": more})

    def _delete_job(self, job_id: str) -> _Answer:
        job = self.jobs.get(job_id)
        if job is None:
            return _error(404, None, "No such batch")
        if not job.is_over:
            return _error(409, None, "The batch is in progress")
        self.deleted.append(job_id)
        self.forgotten.add(job_id)
        return _json({"id": job_id, "object": "batch", "deletion": {"openrouter": "deleted"}})

    def _models(self) -> _Answer:
        return _json(
            {
                "data": [
                    {"id": name, "pricing": {"prompt": rates[0], "completion": rates[1]}}
                    for name, rates in self.models.items()
                ]
            }
        )

    def _object(self, job: Job) -> dict[str, Any]:
        if self.form == "inline":
            return {
                "id": job.id,
                "object": "batch",
                "endpoint": "/v1/chat/completions",
                "model": job.model,
                "completion_window": "24h",
                "status": job.status,
                "created_at": job.created,
                "expires_at": None,
                "finalized_at": job.created if job.is_over else None,
                "provider": None,
                "error": None,
                "request_counts": {**job.counts, "total": len(job.lines)},
                "results": job.results,
                "usage": None,
            }
        ended = {
            f"{state}_at": job.created if job.status == state else None
            for state in ("completed", "failed", "expired", "cancelled")
        }
        return {
            "id": job.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "errors": {"object": "list", "data": job.errors}
            if job.is_over and job.errors
            else None,
            "input_file_id": job.input_file_id,
            "completion_window": "24h",
            "status": job.status,
            "output_file_id": job.output_file_id,
            "error_file_id": job.error_file_id,
            "created_at": job.created,
            "in_progress_at": None if job.status == "validating" else job.created,
            "expires_at": None,
            "finalizing_at": None,
            **ended,
            "cancelling_at": None,
            "request_counts": job.counts,
            "metadata": job.metadata,
        }


def _echo(body: dict[str, Any]) -> dict[str, Any]:
    """Answer with the last user text; older rows have no role."""
    texts = [m["content"] for m in body["messages"] if m["role"] == "user"]
    return {"content": f"You wrote: {texts[-1]}"}


def _problems(
    lines: list[dict[str, Any]], content: bytes, submitted: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """Validate a file as the pages say: a whole file fails for one line."""
    sizes = [len(line) for line in content.splitlines()]
    first = lines[0]["body"] if lines else {}
    problems = []
    if len(lines) > MAX_LINES or len(content) > MAX_BYTES:
        problems.append(_problem("too_many_requests", "The file is too large.", None))
    ids_before: set[str] = set()
    for number, (line, size) in enumerate(zip(lines, sizes, strict=True), 1):
        body, custom_id = line["body"], line["custom_id"]
        if size > MAX_LINE:
            problems.append(_problem("line_too_long", "A line is longer than 1 MB.", number))
        if custom_id in ids_before or len(custom_id) > 256:
            problems.append(_problem("duplicate_custom_id", f"{custom_id} is bad.", number))
        ids_before.add(custom_id)
        if body.get("model") != first.get("model"):
            text = f"The model '{body.get('model')}' does not match the rest of the batch."
            problems.append(_problem("model_mismatch", text, number))
        if body.get("enable_thinking") != first.get("enable_thinking"):
            problems.append(_problem("thinking_mismatch", "One thinking mode per file.", number))
        if line["url"] != submitted["endpoint"] or line["method"] != "POST":
            problems.append(_problem("url_not_found", f"{line['url']} is not supported", number))
        if any(message.get("reject") for message in body["messages"]) or body.get("reject"):
            problems.append(_problem("invalid_body", "The body is refused.", number))
    return problems or None


def _problem(code: str, message: str, line: int | None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": None, "line": line}


def _row(
    custom_id: str, status: int, body: Any, error: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "id": f"153fa1be-{custom_id}",
        "custom_id": custom_id,
        "response": {"status_code": status, "request_id": f"req-{custom_id}", "body": body},
        "error": error,
    }


def _file(file_id: str, content: bytes) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": len(content),
        "purpose": "batch",
        "status": "processed",
        "created_at": CREATED,
    }


def _json(value: Any) -> _Answer:
    return _Answer(200, json.dumps(value).encode())


def _error(status: int, code: str | None, message: str) -> _Answer:
    error = {"error": {"message": message, "type": code, "code": code}, "request_id": "req-1"}
    return _Answer(status, json.dumps(error).encode())


def _multipart(content_type: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """Split a form into its fields: file name and content by field name."""
    boundary = b"--" + content_type.partition("boundary=")[2].strip('"').encode()
    fields: dict[str, tuple[str | None, bytes]] = {}
    for part in body.split(boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = next(
            line for line in head.decode().splitlines() if "form-data" in line.lower()
        )
        given = dict(
            pair.strip().partition("=")[::2] for pair in disposition.split(";") if "=" in pair
        )
        name = given["name"].strip('"')
        filename = given.get("filename")
        fields[name] = (filename.strip('"') if filename else None, content.removesuffix(b"\r\n"))
    return fields


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def _handle(self) -> None:
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer: _Answer = self.server.respond(
            self.command, self.path, headers, body, self.client_address[1]
        )
        trouble = answer.trouble or Trouble()
        if trouble.reset or trouble.hold is not None:
            self.close_connection = True
            return
        try:
            self._send(answer, cut=trouble.cut)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the names that http.server calls

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, answer: _Answer, *, cut: bool) -> None:
        self.send_response(answer.status)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        content = answer.body[: len(answer.body) // 2] if cut else answer.body
        for start in range(0, len(content), 65_536):
            data = content[start : start + 65_536]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        if cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: tests read `requests`."""
