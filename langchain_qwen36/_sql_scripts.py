"""Read the numbered SQL files of a database's schema: `0001.sql` and so on."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql_scripts(package: str) -> tuple[str, ...]:
    """Return the scripts of a package's folder, the first for version 1."""
    scripts = sorted(
        (file for file in files(package).iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return tuple(script.read_text(encoding="utf-8") for script in scripts)
