"""What goes to PyPI: the README there, the links beside it, and the versions that are installed."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.markers import default_environment
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HOOK = runpy.run_path(str(ROOT / "hatch_build.py"))
README = (ROOT / "README.md").read_text("utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
REPOSITORY = "https://forge.example/owner/langchain-qwen36"
LINKS = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


def test_every_link_on_pypi_is_absolute_and_leads_to_a_file() -> None:
    """PyPI shows the README away from its files; the page's own headings stay as they are."""
    text = HOOK["readme_for_pypi"](README, REPOSITORY, "v1.2.3")
    targets = [target for _, target in LINKS.findall(text) if not target.startswith("#")]
    start = re.compile(re.escape(REPOSITORY) + r"/(blob|raw)/v1\.2\.3/")
    ours = [target for target in targets if start.match(target)]
    assert len(ours) > 10
    assert [t for t in targets if t not in ours and not t.startswith("https://")] == []
    paths = [start.sub("", target).partition("#")[0] for target in ours]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_pictures_on_pypi_are_plain_and_of_the_repository() -> None:
    """PyPI's pages are light: a picture for light and dark becomes the one for light."""
    text = HOOK["readme_for_pypi"](README, REPOSITORY, "v1.2.3")
    pictures = [target for mark, target in LINKS.findall(text) if mark]
    assert "<picture>" in README
    assert "<picture>" not in text
    assert pictures
    assert all(target.startswith(f"{REPOSITORY}/raw/v1.2.3/") for target in pictures)


def test_without_a_repository_no_link_is_broken() -> None:
    """Links become plain text and pictures are left out."""
    text = HOOK["readme_for_pypi"](README, "", "v1.2.3")
    assert [target for _, target in LINKS.findall(text) if "://" not in target] == []
    assert "<img" not in text


def test_the_links_beside_the_readme_lead_to_files() -> None:
    """Documentation, changelog and security are pages of the repository."""
    urls = HOOK["project_urls"](REPOSITORY, "v1.2.3")
    prefix = f"{REPOSITORY}/blob/v1.2.3/"
    pages = [url.removeprefix(prefix) for url in urls.values() if url.startswith(prefix)]
    assert {"Repository", "Issues", "Documentation", "Changelog"} <= urls.keys()
    assert [page for page in pages if not (ROOT / page).is_file()] == []


def requirements() -> Iterator[Requirement]:
    """Yield what the package, its extras and its groups require."""
    project = PYPROJECT["project"]
    lists: list[list[Any]] = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *(PYPROJECT["dependency-groups"][name] for name in ("test", "lint", "docs", "publish")),
    ]
    for texts in lists:
        yield from map(Requirement, texts)


def constraints() -> dict[str, set[str]]:
    """Return the versions of each name that hold on this machine."""
    versions: dict[str, set[str]] = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        pinned = Requirement(line)
        if pinned.marker is None or pinned.marker.evaluate(default_environment()):
            (version,) = pinned.specifier
            versions.setdefault(pinned.name, set()).add(version.version)
    return versions


def test_the_known_good_versions_are_allowed() -> None:
    """`make demo` and `make test` install them, which fails where pyproject.toml forbids one."""
    known = constraints()
    forbidden = [
        f"{required} but {version}"
        for required in requirements()
        for version in known.get(required.name.lower().replace("_", "-"), ())
        if not required.specifier.contains(version, prereleases=True)
    ]
    assert forbidden == [], "run `make constraints`"


def test_constraints_are_names_and_versions_only() -> None:
    """No address and no hash of where they came from; one version a name on each machine."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    form = re.compile(r"[a-z0-9.-]+==[\w.+!]+( ; [\w<>=!.*' ()]+)?")
    assert [line for line in lines if not form.fullmatch(line)] == []
    assert {name: found for name, found in constraints().items() if len(found) > 1} == {}


def test_the_sdist_holds_what_its_site_is_built_of() -> None:
    """`make dist` builds the site from it; here only that nothing of it is left out."""
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    assert {"docs", "mkdocs.yml", "examples", "hatch_build.py", "constraints.txt"} <= set(included)
    left_out = [name for name in included if not (ROOT / name).exists()]
    assert left_out in ([], ["langchain_qwen36"])  # the second where the wheel is tested
