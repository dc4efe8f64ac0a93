"""What the pages link to outside of docs/ becomes a page of the site, so that no link leaves it."""

# ruff: noqa: INP001 (MkDocs loads it by its path)
from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHINESE = DOCS / "zh"
"""A site of its own, below the English one."""
_LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)(?=[)#])")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file that a page links to, and for those that these link to."""
    if Path(config.docs_dir) == CHINESE:
        for picture in sorted((DOCS / "images").glob("*.svg")):
            uri = f"images/{picture.name}"
            files.append(File.generated(config, uri, abs_src_path=str(picture)))
        return files
    pages = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    seen = set(pages)
    while pages:
        for target in _outside(pages.pop()):
            if target not in seen:
                seen.add(target)
                files.append(File.generated(config, _uri(target), content=_shown(target)))
                if target.suffix == ".md":
                    pages.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Turn links to those files into links to their pages; leave out what is for the tests."""
    if Path(config.docs_dir) == CHINESE:
        return _with_links_to_english(_COMMENT.sub("", markdown), page)
    here = _origin(page.file.src_uri)

    def link(found: re.Match[str]) -> str:
        target = _target(here, found[1])
        if target.is_file() and target.is_relative_to(ROOT):
            return posixpath.relpath(_uri(target), posixpath.dirname(page.file.src_uri))
        return found[0]

    return _LINK.sub(link, _COMMENT.sub("", markdown))


def _with_links_to_english(markdown: str, page: Page) -> str:
    """Turn links to the English pages into links to the site above."""
    here = CHINESE / page.file.src_uri

    def link(found: re.Match[str]) -> str:
        target = _target(here, found[1])
        if target.is_relative_to(CHINESE) or not target.is_file():
            return found[0]
        if target.suffix == ".svg":
            return f"images/{target.name}"
        uri = _uri(target)
        name = posixpath.basename(uri)
        if name.endswith(".md"):
            uri = uri.removesuffix(name if name in ("index.md", "README.md") else ".md")
            uri = uri.rstrip("/") + "/"
        return posixpath.relpath(uri, posixpath.join("zh", page.url)) + "/" * name.endswith(".md")

    return _LINK.sub(link, markdown)


def _outside(page: Path) -> Iterator[Path]:
    for found in _LINK.findall(page.read_text("utf-8")):
        target = _target(page, found)
        inside = target.is_relative_to(ROOT) and not target.is_relative_to(DOCS)
        if inside and target.is_file():
            yield target


def _target(page: Path, link: str) -> Path:
    return (page.parent / link).resolve()


def _uri(target: Path) -> str:
    """Where a file stands in the site."""
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    path = target.relative_to(ROOT).as_posix()
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def _origin(uri: str) -> Path:
    if not uri.startswith("source/"):
        return DOCS / uri
    path = ROOT / uri.removeprefix("source/")
    return path if path.exists() else path.with_suffix("")


def _shown(target: Path) -> str:
    """Return a file as Markdown."""
    text = target.read_text("utf-8")
    match target.suffix:
        case ".md":
            return text
        case ".ipynb":
            return "\n\n".join(_cell(cell) for cell in json.loads(text)["cells"])
        case suffix:
            return f"# {target.name}\n\n```{suffix.removeprefix('.')}\n{text}```\n"


def _cell(cell: dict[str, object]) -> str:
    source = "".join(cell["source"])  # type: ignore[arg-type]
    if cell["cell_type"] == "markdown":
        return source
    shown = [f"```python\n{source}\n```"]
    for output in cell.get("outputs", ()):  # type: ignore[attr-defined]
        data = output.get("data", {"text/plain": output.get("text", "")})
        html, plain = data.get("text/html"), data.get("text/plain", "")
        shown.append("".join(html) if html else f"```text\n{''.join(plain)}\n```")
    return "\n\n".join(shown)
