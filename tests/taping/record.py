"""Record a gateway's cassettes anew: `make record GATEWAY=openrouter`, its key in the environment.

It costs a few cents. What is written went through `taping.scrub`; look at the difference all the
same before you commit it. `GATEWAY=local` records the embedded engine, which needs no key. Those of
vLLM and llama.cpp are of real servers on the scripted model, written by `WRITE_SERVERS=1 make
test-servers`.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_qwen36 import ChatQwen36, QwenWarning
from langchain_qwen36.errors import MissingKeyError, UnsupportedSettingError
from langchain_qwen36.gateways import select_endpoint
from langchain_qwen36.local import shared_engine
from taping import CASSETTES
from taping.play import model_of, played, tape
from taping.readable import Readable
from taping.scenarios import REFUSED, SCENARIOS, run
from taping.scrub import Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from vcr.cassette import Cassette

    from langchain_qwen36.gateways import Endpoint

    _Where: TypeAlias = "Endpoint | _Engine | RealServer"
_TOO_MANY = {"max_tokens": 10_000_000}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a gateway's cassettes are recorded with."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, Any] = field(default_factory=lambda: _TOO_MANY)
    """Settings that the gateway answers with an error."""


_HOSTED = Subject("qwen3.6-plus", {"thinking_budget": 200})
_TINY = {"temperature": 0, "seed": 7, "thinking_budget": 48, "max_tokens": 120}
_SCRIPTED = {"temperature": 0, "max_tokens": 300}
_UNKNOWN = {"model": "qwen3.6-nonesuch"}
_BAD_TYPE = {"extra_body": {"max_tokens": "many"}}

SUBJECTS = {
    "dashscope": _HOSTED,
    "dashscope-intl": Subject("qwen3.6-plus", _HOSTED.settings, {"api_key": "of-nobody"}),
    "dashscope-us": _HOSTED,
    "apiyi": Subject("qwen3.6-plus"),
    "openrouter": _HOSTED,
    "vercel": Subject("qwen3.6-plus", _HOSTED.settings, _UNKNOWN),
    "aimlapi": Subject("qwen3.6-plus"),
    "vllm": Subject("Qwen/Qwen3.6-27B", _SCRIPTED, _UNKNOWN),
    "sglang": Subject("Qwen/Qwen3.6-27B"),
    "llamacpp": Subject("Qwen3.6-27B", _SCRIPTED, _BAD_TYPE),
    "ollama": Subject("qwen3.6:27b", {}, _UNKNOWN),
    "local": Subject("smollm2-135m-instruct", _TINY, {"api_key": "of-nobody"}),
}


def record(
    gateway: str,
    model: str | None = None,
    folder: Path = CASSETTES,
    scenarios: Iterable[str] = SCENARIOS,
) -> list[Path]:
    """Write a gateway's cassettes; the file of a scenario that fails stays as it was.

    Raises:
        MissingKeyError: its key is not in the environment.
        UnsupportedSettingError: no such gateway, or no address for it.
        RuntimeError: a scenario went otherwise than it should.
    """
    where = _endpoint(gateway)
    subject = SUBJECTS[gateway]
    settings = {"model": model or subject.model, **subject.settings}
    return record_at(where, subject, settings, folder / gateway, scenarios)


def record_at(
    where: _Where,
    subject: Subject,
    settings: dict[str, Any],
    folder: Path,
    scenarios: Iterable[str] = SCENARIOS,
) -> list[Path]:
    """Write cassettes of an endpoint into a folder that has its gateway's name."""
    of_scenario = {"error": subject.refused, "wrong_key": {"api_key": "of-nobody"}}
    return [
        _recorded(name, where, settings | of_scenario.get(name, {}), folder) for name in scenarios
    ]


@dataclass(frozen=True, slots=True)
class RealServer:
    """A server that runs on this machine, and what its cassettes say that they are from."""

    base_url: str
    key: str
    source: str


def _endpoint(gateway: str) -> Endpoint | _Engine:
    if gateway not in SUBJECTS:
        known = ", ".join(SUBJECTS)
        raise UnsupportedSettingError(f"GATEWAY={gateway!r} has no cassettes; it is one of {known}")
    found = select_endpoint(gateway, None, has_key=False)
    return _Engine() if found.gateway.embedded else found


class _Engine:
    """The embedded engine, as an endpoint."""

    def __init__(self) -> None:
        engine = shared_engine()
        self.base_url = engine.base_url
        self.key = engine.api_key.get_secret_value()


def _recorded(name: str, where: _Where, settings: dict[str, Any], folder: Path) -> Path:
    """Record one scenario beside its place, play it there, and put it in its place."""
    readable = Readable({"provenance": _provenance(where), "settings": settings})
    with TemporaryDirectory() as aside:
        draft = Path(aside) / folder.name / f"{name}.yaml"
        with recording(readable, Scrubber([where.key or ""]), draft):
            run(name, _live(where, settings, folder.name))
        with played(draft):
            outcome = run(name, model_of(draft))
        if ("error" in outcome) != (name in REFUSED):
            raise RuntimeError(f"{folder.name}/{name} went wrong: {outcome}")
        # What it comes to is what a player sees of it: the scrubbed one.
        readable.head["expected"] = outcome
        text = readable.serialize(readable.deserialize(draft.read_text("utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, "utf-8")
    return path


def recording(
    readable: Readable, scrubber: Scrubber, path: Path
) -> AbstractContextManager[Cassette]:
    """Let the calls in the block be written to a file, scrubbed."""
    filters = {
        "before_record_request": scrubber.request,
        "before_record_response": scrubber.response,
    }
    return tape(readable, record_mode="all", **filters).use_cassette(str(path))


def _live(where: _Where, settings: dict[str, Any], gateway: str) -> ChatQwen36:
    return ChatQwen36(
        **{"api_key": where.key, **settings},
        gateway=gateway,
        base_url=where.base_url,
        max_retries=0,
        default_headers={"accept-encoding": "identity"},
    )


def _provenance(where: _Where) -> dict[str, str]:
    today = {"date": datetime.now(UTC).date().isoformat()}
    if isinstance(where, RealServer):
        return {"kind": "recorded", "source": where.source, **today}
    if isinstance(where, _Engine):
        engine = f"the embedded engine: llama.cpp's server of xllamacpp {version('xllamacpp')}"
        return {"kind": "recorded", "source": engine, **today}
    return {"kind": "recorded", "source": "the gateway itself, by `make record`", **today}


def main() -> None:
    """`python -m taping.record GATEWAY [MODEL]`."""
    warnings.simplefilter("ignore", QwenWarning)
    match sys.argv[1:]:
        case [gateway]:
            model = None
        case [gateway, model]:
            pass
        case _:
            sys.exit(f"Say which: make record GATEWAY=... ({', '.join(SUBJECTS)})")
    try:
        paths = record(gateway, model)
    except (MissingKeyError, UnsupportedSettingError, RuntimeError) as failure:
        sys.exit(f"Nothing was recorded. {failure}")
    for path in paths:
        print(path.relative_to(CASSETTES.parent))  # noqa: T201 - a program


if __name__ == "__main__":
    main()
