"""Keep what was seen at each server in seen.json, and turn it into the table of docs/servers.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from behaviors import BEHAVIORS
from servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"
RUNS = Path(__file__).with_name("seen.json")

Run = dict[str, Any]
"""`version`, `date` and `results` by behavior: what a server's last kept run has shown."""

_HEAD = """\
# Real servers

<!-- Written by `WRITE_SERVERS=1 make test-servers`: do not edit. -->

The tests run real servers on a scripted model: a Qwen3 model of some megabytes whose weights are computed,
so that the server's own parsers, grammars and checks run and the answer is known to the token. The same is
asked of every server in six call styles (`invoke`, `stream`, v3 events and their async twins); where a line
holds one result, all six agree. What a server cannot do is an error by name. How the model works:
`tests/scripted/model.py`. Commands with which each server is started: [Your own server](own-server.md).

"""

_NOT_TRIED = """
## Not seen

- SGLang: its package is for GPUs, and its build for CPUs is not on the package index.
- mistral.rs: its server is not on the package index.
- LiteLLM newer than 1.105.7: the extra `proxy` of 1.110.2 asks for a package that is not on the index.
- Ollama and LM Studio: programs, not packages; Ollama's rules are from its documentation and source.
"""

_OVERVIEW = """
## Server by behavior

● as most servers, an error's name, or "differs"; what each answer was stands below.

"""


def kept_runs() -> dict[str, Run]:
    """Return what is kept, by server in the order of `SERVERS`."""
    runs = json.loads(RUNS.read_text("utf-8")) if RUNS.is_file() else {}
    return {name: runs[name] for name in SERVERS if name in runs}


def keep(seen: Mapping[str, Mapping[str, str]]) -> None:
    """Put what was seen in the place of what is kept of these servers, and write the page."""
    today = datetime.now(UTC).date().isoformat()
    runs = kept_runs()
    for name, results in seen.items():
        kept = runs.get(name, {}).get("results", {})
        merged = {key: {**kept, **results}[key] for key in BEHAVIORS if key in {**kept, **results}}
        runs[name] = {"version": SERVERS[name].version(), "date": today, "results": merged}
    text = json.dumps(runs, indent=1, ensure_ascii=False, sort_keys=False)
    RUNS.write_text(text + "\n", "utf-8")
    PAGE.write_text(page_of(kept_runs()), "utf-8")


def page_of(runs: Mapping[str, Run]) -> str:
    """Write docs/servers.md."""
    table = "".join(
        f"| `{name}` | {SERVERS[name].title} | {run['version']} | `{SERVERS[name].gateway}` "
        f"| {run['date']} |\n"
        for name, run in runs.items()
    )
    head = "| name | server | version | `gateway=` | last run kept |\n|---|---|---|---|---|\n"
    results = {name: run["results"] for name, run in runs.items()}
    return (
        f"{_HEAD}{head}{table}{_NOT_TRIED}{_OVERVIEW}{overview(results)}"
        f"\n## What was seen\n{render(results)}"
    )


def overview(seen: Mapping[str, Mapping[str, str]]) -> str:
    """Return one table: a line for each behavior, a column for each server."""
    lines = [f"| | {' | '.join(seen)} |", "|---" * (len(seen) + 1) + "|"]
    for name in BEHAVIORS:
        found = [results[name] for results in seen.values() if name in results]
        usual = max(found, key=found.count, default="")
        cells = [_cell(results.get(name), usual) for results in seen.values()]
        lines.append(f"| {_title(name)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(result: str | None, usual: str) -> str:
    if result is None:
        return ""
    if result.endswith("Error"):
        return f"`{result}`"
    return "●" if result == usual else "differs"


def render(seen: Mapping[str, Mapping[str, str]]) -> str:
    """Return as Markdown what was seen: a paragraph for each behavior, a line for each result."""
    lines = []
    for name, behavior in BEHAVIORS.items():
        results: dict[str, list[str]] = {}
        for server, found in seen.items():
            if name in found:
                results.setdefault(found[name], []).append(server)
        if results:
            lines += ["", f"**{_title(name)}**: {(behavior.__doc__ or '').strip()}", ""]
            lines += [f"- {', '.join(servers)}: `{result}`" for result, servers in results.items()]
    return "\n".join(lines) + "\n"


def _title(name: str) -> str:
    return name.replace("_", " ")
