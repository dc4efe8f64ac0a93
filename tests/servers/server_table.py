"""Turn what was seen at each server into a table, for the terminal and for docs/servers.md."""

from __future__ import annotations

from pathlib import Path

from behaviors import BEHAVIORS
from servers import SERVERS

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"

_HEAD = """\
# Real servers

<!-- Written by `WRITE_SERVERS=1 make test-servers`: do not edit. -->

Every release is tested on real servers that run a scripted model: a Qwen3 model of some megabytes
whose weights are computed, so that the server's own parsers, grammars and checks run and the
answer is known. The same behaviors are asked of every server in six call styles (`invoke`, `stream`, v3
events and their async twins); where a cell holds one result, all six agree. What a server cannot
do is an error by name. How the model works: `tests/scripted/model.py`.

Commands with which each server was started, and its parsers: [Your own server](own-server.md).

"""


def render(seen: dict[str, dict[str, str]]) -> str:
    """Return the table as Markdown: a section for each behavior, a line for each result."""
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


def write_page(seen: dict[str, dict[str, str]]) -> None:
    """Write docs/servers.md."""
    servers = "\n".join(
        f"| {name} | {SERVERS[name].title} | `{SERVERS[name].gateway}` |" for name in seen
    )
    table = f"| name | server | row |\n|---|---|---|\n{servers}\n"
    PAGE.write_text(f"{_HEAD}{table}\n## What was seen\n{render(seen)}", "utf-8")
