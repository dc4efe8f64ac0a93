"""The commit that is measured, and the package as an earlier commit had it."""

from __future__ import annotations

import subprocess
import tarfile
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[1]


@contextmanager
def exported(commit: str) -> Iterator[Path]:
    """Give a folder that holds the package of a commit."""
    archive = _git("archive", "--format=tar", commit, "langchain_qwen36")
    with TemporaryDirectory() as folder, tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
        yield Path(folder)


def current_commit() -> str:
    """Return the commit of this checkout, `-dirty` behind it where files were changed."""
    return _git("describe", "--always", "--dirty", "--exclude=*").decode().strip()


def _git(*arguments: str) -> bytes:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=_ROOT, check=True, capture_output=True).stdout
