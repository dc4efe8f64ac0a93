"""A Postgres of a test's own: a folder and a socket in a temporary place, an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path("/usr/lib/postgresql/15/bin")

why_missing = None if (BIN / "initdb").exists() else f"Postgres 15 is not installed ({BIN})"
"""The reason to skip, where it cannot be started."""


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server; give the folder of its socket; stop it and delete everything."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a short socket path
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _unprivileged())
        data = folder / "data"
        _run("initdb", "--pgdata", data, "--username=test", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses='' -c fsync=off -c max_connections=60 -k {folder}"
        log = folder / "log"
        _run("pg_ctl", "--pgdata", data, "--log", log, "--wait", "--options", options, "start")
        try:
            yield str(folder)
        finally:
            _run("pg_ctl", "--pgdata", data, "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(folder: str, name: str) -> str:
    """Make a database; give its URL."""
    _command(folder, f'CREATE DATABASE "{name}"')
    return f"postgresql://test@/{name}?host={folder}"


def drop_database(folder: str, name: str) -> None:
    """Delete a database, whoever uses it: a copy of 7 MB for each test adds up."""
    _command(folder, f'DROP DATABASE "{name}" WITH (FORCE)')


def _command(folder: str, command: str) -> None:
    _run("psql", "--host", folder, "--username=test", "--dbname=postgres", "--command", command)


def _run(program: str, *arguments: object) -> None:
    command = [str(BIN / program), *map(str, arguments)]
    if os.geteuid() == 0:
        user = pwd.getpwnam(_unprivileged())
        ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        command = ["setpriv", *ids, *command]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run(  # noqa: S603 - programs of the system
        command, check=True, stdout=subprocess.DEVNULL, cwd="/", env=environment
    )


def _unprivileged() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
