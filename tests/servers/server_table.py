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
## Not seen, or not whole

- `vllm-hermes` and `transformers` are in the suite, but no whole run of them is kept: open are a forced call of
  the scripted model in vLLM's grammar for JSON calls, and a prompt that is too long for Transformers' server.
- SGLang: its package is for GPUs, and its build for CPUs is not on the package index.
- mistral.rs: its server is not on the package index.
- LiteLLM newer than 1.105.7: the extra `proxy` of 1.110.2 asks for a package that is not on the index.
- Ollama and LM Studio: programs, not packages; Ollama's rules are from its documentation and source.
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
    return f"{_HEAD}{head}{table}{_NOT_TRIED}\n## What was seen\n{render(results)}"


def render(seen: Mapping[str, Mapping[str, str]]) -> str:
    """Return the table as Markdown: a paragraph for each behavior, a line for each result."""
    lines = []
    for name, behavior in BEHAVIORS.items():
        results: dict[str, list[str]] = {}
        for server, found in seen.items():
            if name in found:
                results.setdefault(found[name], []).append(server)
        if results:
            lines += ["", f"**{name.replace('_', ' ')}**: {(behavior.__doc__ or '').strip()}", ""]
            lines += [f"- {', '.join(servers)}: `{result}`" for result, servers in results.items()]
    return "\n".join(lines) + "\n"
