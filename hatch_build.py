"""Write the package's metadata: the project's URLs, and the README as PyPI shows it.

PyPI shows the README away from its files and knows no `<picture>`, so links and pictures become
absolute. They are made of one setting, `repository` in pyproject.toml; while that is empty,
links stay as plain text and pictures are left out, since a broken one helps nobody.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

if TYPE_CHECKING:
    from collections.abc import Mapping

_PICTURE = re.compile(r'<picture>.*?<img alt="([^"]*)" src="([^"]*)"[^>]*>\s*</picture>', re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_PAGES: Mapping[str, str] = {
    "Documentation": "docs/index.md",
    "Changelog": "CHANGELOG.md",
    "Security": "SECURITY.md",
}


class PublishedMetadata(MetadataHookInterface):  # type: ignore[misc, unused-ignore]
    """Sets `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the fields that are written here."""
        root = Path(self.root)
        repository = self.config["repository"].rstrip("/")
        version = _VERSION.search((root / "langchain_qwen36/_version.py").read_text("utf-8"))
        tag = f"v{version[1]}" if version else "main"
        text = (root / "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": readme_for_pypi(text, repository, tag),
        }
        metadata["urls"] = project_urls(repository, tag)


def readme_for_pypi(text: str, repository: str, tag: str) -> str:
    """Return the README with links and pictures that lead to the repository at a tag.

    Args:
        text: The README as it stands in the repository.
        repository: The URL of the repository; "" while it has none.
        tag: The tag or branch that the links lead to.
    """

    def absolute(link: re.Match[str]) -> str:
        picture, label, path = link.groups()
        if not repository:
            return "" if picture else label
        return f"{picture}[{label}]({repository}/{'raw' if picture else 'blob'}/{tag}/{path})"

    return _LINK.sub(absolute, _PICTURE.sub(r"![\1](\2)", text))


def project_urls(repository: str, tag: str) -> dict[str, str]:
    """Return the links that PyPI shows beside the README."""
    if not repository:
        return {}
    pages = {name: f"{repository}/blob/{tag}/{path}" for name, path in _PAGES.items()}
    return {"Repository": repository, "Issues": f"{repository}/issues", **pages}
