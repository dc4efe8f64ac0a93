"""Give each translated page the code of its original: `python docs/translations.py`.

A translation has its original's code blocks, in their order; prose and pictures are its own.
"""

# ruff: noqa: INP001 (a program beside the pages)
from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CODE = re.compile(r"^```\w*\n.*?^```$", re.DOTALL | re.MULTILINE)


def originals() -> dict[Path, Path]:
    """Return each translated page with its original."""
    pages = {page: ROOT / "docs" / page.name for page in sorted((ROOT / "docs/zh").glob("*.md"))}
    return {ROOT / "README.zh-CN.md": ROOT / "README.md", **pages}


def updated(translation: str, original: str) -> str:
    """Return a translation with the code of its original.

    Raises:
        ValueError: They have not the same number of blocks.
    """
    theirs, blocks = len(_CODE.findall(translation)), _CODE.findall(original)
    if theirs != len(blocks):
        raise ValueError(f"{theirs} blocks of code, and {len(blocks)} in the original")
    code = iter(blocks)
    return _CODE.sub(lambda _: next(code), translation)


def main() -> None:
    """Write the translations that changed."""
    for page, original in originals().items():
        text = page.read_text("utf-8")
        page.write_text(updated(text, original.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
