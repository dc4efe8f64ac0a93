"""What the pages say is true: their code runs, their commands and links lead somewhere.

A Python block runs where it stands, after those above it, against gateways on this machine. One
that cannot is marked by a comment above it, with the reason, and counted below.
"""

from __future__ import annotations

import asyncio
import html
import inspect
import json
import re
import runpy
import shlex
import tomllib
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from documents import Block, anchors_of, blocks_of, links_of, run
from langchain_openai import ChatOpenAI
from loopback import LoopbackGateway

import langchain_qwen36
from langchain_qwen36 import ChatQwen36, PriceBook
from langchain_qwen36._response.errors import error_from
from langchain_qwen36.cli import COMMANDS
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.language_models import BaseChatModel

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
}
TEXTS = {**PAGES, "ChatQwen36": inspect.getdoc(ChatQwen36)}
BLOCKS = {name: list(blocks_of(text)) for name, text in TEXTS.items()}
LANGUAGES = {"python", "console", "bash", "toml", "yaml", "text", ""}
NOT_RUN = {
    "CONTRIBUTING.md": 1,
    "docs/batch.md": 1,
    "docs/bulk.md": 2,
    "docs/local-engine.md": 1,
    "docs/multimodal.md": 1,
    "docs/own-server.md": 5,
    "docs/zh/bulk.md": 2,
}
"""How many blocks of a page are not run."""
VARIABLES = {"QWEN36_GATEWAY", "QWEN36_GGUF"} | {
    name for row in GATEWAYS.values() for name in (*row.key_env, *row.base_url_env)
}


def pages_with(*languages: str) -> list[str]:
    """Return the pages that have a block to run in one of these languages."""
    return [
        name
        for name, blocks in BLOCKS.items()
        if any(block.language in languages and not block.reason for block in blocks)
    ]


def in_languages(name: str, *languages: str) -> list[Block]:
    """Return the blocks of a page that are not left out."""
    return [b for b in BLOCKS[name] if b.language in languages and not b.reason]


@pytest.fixture
def gateways(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Return a gateway for every row, each found by its own variables, as a reader has them set."""
    with ExitStack() as stack:
        for row in GATEWAYS.values():
            if row.base_url_env:
                server = stack.enter_context(LoopbackGateway(row))
                monkeypatch.setenv(row.key_env[0], server.key)
                monkeypatch.setenv(row.base_url_env[0], server.base_url)
        monkeypatch.setenv("QWEN36_GATEWAY", "dashscope-intl")
        yield


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
@pytest.mark.usefixtures("gateways")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.engine] if 'gateway="local"' in TEXTS[name] else [])
        for name in pages_with("python")
    ],
)
def test_a_pages_code_runs(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the page's order; what one block defines the next one knows."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    with asyncio.Runner() as runner:
        for block in BLOCKS[name]:
            if block.language == "toml" and not block.reason:
                (tmp_path / "prices.toml").write_text(block.code, "utf-8")
            if block.language == "python" and not block.reason:
                run(block, str(ROOT / name), names, runner)


@pytest.mark.parametrize("name", pages_with("toml"))
def test_a_pages_price_list_can_be_read(name: str, tmp_path: Path) -> None:
    """As `PriceBook.from_toml` reads a user's file."""
    for block in in_languages(name, "toml"):
        path = tmp_path / "prices.toml"
        path.write_text(block.code, "utf-8")
        assert PriceBook.from_toml(path).offers


def unknown_in(command: str) -> str | None:  # noqa: PLR0911 - one for each kind of command
    """Return what a line of a console names that there is not; None where all of it is there."""
    words = shlex.split(command, comments=True)
    match words:
        case []:
            return None
        case ["make", target, *_]:
            return None if target in TARGETS else target
        case ["pip", "install", *packages]:
            asked = re.findall(r"langchain-qwen36(?:\[([^\]]*)\])?", " ".join(packages))
            missing = {
                extra for part in asked for extra in part.split(",") if extra
            } - EXTRAS.keys()
            return ", ".join(missing) if asked else command
        case ["export", setting]:
            name = setting.partition("=")[0]
            return None if name in VARIABLES else name
        case ["python", "-m", "langchain_qwen36", name, *_]:
            return None if name in COMMANDS else name
        case ["python" | ".venv/bin/python", program, *_]:
            return None if (ROOT / program).is_file() else program
        case _:
            return command


@pytest.mark.parametrize("name", pages_with("console", "bash"))
def test_a_pages_commands_exist(name: str) -> None:
    """Targets, extras, programs and variables are there; other commands are marked."""
    lines = [line for b in in_languages(name, "console", "bash") for line in b.code.splitlines()]
    commands = [line.removeprefix("$ ") for line in lines]
    assert [what for command in commands if (what := unknown_in(command))] == []


@pytest.mark.parametrize(
    ("command", "unknown"),
    [
        pytest.param("make nothing", "nothing", id="target"),
        pytest.param("pip install 'langchain-qwen36[nothing]'", "nothing", id="extra"),
        pytest.param("pip install another", "pip install another", id="package"),
        pytest.param("export NOTHING=1", "NOTHING", id="variable"),
        pytest.param("python examples/nothing.py", "examples/nothing.py", id="program"),
        pytest.param("rm -r /", "rm -r /", id="command"),
        pytest.param("make test  # all", None, id="one-that-is-there"),
    ],
)
def test_a_command_that_there_is_not_is_seen(command: str, unknown: str | None) -> None:
    """The check above can fail."""
    assert unknown_in(command) == unknown


def test_what_is_not_run_is_counted() -> None:
    """Each with its reason above it; a new one is written down here."""
    left = Counter(name for name, blocks in BLOCKS.items() for b in blocks if b.reason)
    assert dict(left) == NOT_RUN


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    """A block without a language is a picture or an output."""
    kinds = {block.language for blocks in BLOCKS.values() for block in blocks if not block.reason}
    assert kinds <= LANGUAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_pages_links_lead_somewhere(name: str) -> None:
    """To a file of the project, and to a heading that is there."""
    here = ROOT / name
    installed = Path(langchain_qwen36.__file__).parents[1] / name  # where no checkout is importable
    for link in links_of(PAGES[name]):
        path, _, anchor = link.partition("#")
        targets = [(page.parent / path).resolve() if path else here for page in (here, installed)]
        target = next((target for target in targets if target.exists()), None)
        assert target, link
        # The reference's headings are made of docstrings; `make docs` checks those anchors.
        made = "::: " in (text := target.read_text("utf-8")) if anchor else False
        assert not anchor or made or anchor in anchors_of(text), link


@pytest.mark.parametrize("name", PAGES)
def test_the_files_that_a_page_names_are_there(name: str) -> None:
    """Those of the project's folders, wherever they stand in the text."""
    named = re.findall(
        r"`((?:benchmarks|cassettes|docs|examples|langchain_qwen36|tests)/[\w/.-]*)", PAGES[name]
    )
    places = (ROOT, Path(langchain_qwen36.__file__).parents[1])
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


def words_of(svg: str) -> list[str]:
    """Return what a picture of a terminal says, line by line."""
    return [html.unescape(word).strip() for word in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_the_pictures_of_the_report_are_of_this_code() -> None:
    """Drawn anew from the same calls it says the same: make docs-images writes it."""
    program = runpy.run_path(str(ROOT / "docs" / "cost_report.py"))
    table = program["report"]()
    for path, theme in program["PICTURES"].items():
        assert words_of(program["draw"](table, theme)) == words_of(path.read_text("utf-8"))


TABLE = re.compile(r"^\| `(\w+)`[^|]*\| `(\w+)`", re.MULTILINE)


def test_the_settings_to_migrate_to_are_there() -> None:
    """Each row of the migration's tables leads from a setting of theirs to one of ours."""
    openai, *_ = PAGES["docs/migration.md"].split("## From ChatTongyi")
    ours, theirs = names_of(ChatQwen36), names_of(ChatOpenAI)
    assert [new for _, new in TABLE.findall(PAGES["docs/migration.md"]) if new not in ours] == [
        "DASHSCOPE_BASE_URL"
    ]
    assert [old for old, _ in TABLE.findall(openai) if old not in theirs] == []
    same = re.findall(r"^\| ([^|]*) \| the same \|", openai, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(same))) - (ours & theirs) == set()


def names_of(model: type[BaseChatModel]) -> set[str]:
    """Return the fields of a model and their aliases."""
    fields = model.model_fields.items()
    return {name for key, field in fields for name in (key, field.alias) if name}


TRANSLATIONS = runpy.run_path(str(ROOT / "docs" / "translations.py"))


@pytest.mark.parametrize(
    ("page", "original"),
    [
        pytest.param(page, original, id=str(page.relative_to(ROOT)))
        for page, original in TRANSLATIONS["originals"]().items()
    ],
)
def test_a_translation_has_its_originals_code(page: Path, original: Path) -> None:
    """`python docs/translations.py` writes it anew where the original changed."""
    text = page.read_text("utf-8")
    assert TRANSLATIONS["updated"](text, original.read_text("utf-8")) == text


CODES = re.compile(
    r"^\| └? ?`(\w+)` \| ([\dx]*)[^|\n]*\|[^|\n]*\|[^|\n]*\| ([^|\n]+) \|$", re.MULTILINE
)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(error, int(status[:3]) if status[:3].isdigit() else 400, code, id=code)
        for error, status, codes in CODES.findall(PAGES["docs/zh/errors.md"])
        for code in re.findall(r"`([\w.]+)`", codes)
    ],
)
def test_a_vendors_code_is_the_error_that_the_chinese_page_says(
    error: str, status: int, code: str
) -> None:
    """The table leads from a code of Model Studio to the class that is raised."""
    status = 500 if error == "ServerError" else status
    body = {"error": {"code": code, "message": "no"}}
    found = error_from(status, {}, json.dumps(body).encode(), gateway=GATEWAYS["dashscope"])
    assert type(found).__name__ == error


@pytest.mark.parametrize(
    ("gateway", "term"),
    [("dashscope", "限流"), ("siliconflow-cn", "限流"), ("dashscope-intl", None)],
)
def test_errors_of_gateways_in_china_have_the_chinese_term(gateway: str, term: str | None) -> None:
    """Who searches for the vendor's word finds the error; elsewhere it stays English."""
    body = b'{"error": {"code": "Throttling", "message": "slow down"}}'
    text = str(error_from(429, {}, body, gateway=GATEWAYS[gateway]))
    assert (term in text) if term else text.isascii()


def test_the_readme_is_short() -> None:
    """Who must scroll far does not read it."""
    assert len(PAGES["README.md"].splitlines()) < 150
