"""`prices check`: compare the bundled price lists with those of others."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from difflib import unified_diff
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.catalog.price_lists import (
    Comparison,
    compare,
    genai_prices,
    litellm,
    models_dev,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_qwen36.catalog.price_lists import ListedPrice

TIMEOUT = 30.0
"""Seconds for downloading a list."""
_USAGE_ERROR = 2
_NO_LIST = (
    "There is no list to compare with: run `pip install genai-prices`, or name LiteLLM's or "
    "models.dev's JSON with `--litellm` or `--models-dev`.\n"
)


def main(argv: Sequence[str]) -> int:
    """Run `prices check`; return 1 if a price differs, 0 if all agree, 2 if there is no list."""
    parser = argparse.ArgumentParser(prog="langchain_qwen36 prices", description=__doc__)
    parser.add_argument("command", choices=["check"])
    parser.add_argument("--litellm", metavar="FILE_OR_URL", help="LiteLLM's JSON of model prices")
    parser.add_argument("--models-dev", metavar="FILE_OR_URL", help="models.dev's api.json")
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="the folder of offer files")
    parser.add_argument("--write", action="store_true", help="append the prices to the files")
    options = parser.parse_args(argv)
    if not (lists := list(_lists(options))):
        sys.stderr.write(_NO_LIST)
        return _USAGE_ERROR
    found = compare(PriceBook.bundled(), lists, datetime.now(UTC).date())
    folder = options.data or Path(str(files("langchain_qwen36") / "data" / "offers"))
    differing = [comparison for comparison in found if comparison.verdict == "differs"]
    for path, new in sorted(_proposed(differing, folder).items()):
        old = path.read_text("utf-8")
        diff = unified_diff(old.splitlines(), new.splitlines(), str(path), str(path), lineterm="")
        sys.stdout.writelines(f"{line}\n" for line in diff)
        if options.write:
            path.write_text(new, "utf-8")
    counts = Counter((found.listed.source, found.verdict) for found in found)
    for (source, verdict), count in sorted(counts.items()):
        sys.stdout.write(f"{source}: {count} {verdict}\n")
    return 1 if differing else 0


def _lists(options: argparse.Namespace) -> Iterator[ListedPrice]:
    with suppress(ImportError):
        yield from genai_prices(datetime.now(UTC).date())
    if options.litellm:
        yield from litellm(_load(options.litellm), f"LiteLLM ({options.litellm})")
    if options.models_dev:
        yield from models_dev(_load(options.models_dev), f"models.dev ({options.models_dev})")


def _load(source: str) -> dict[str, Any]:
    """Read the JSON of a file, or of a URL that the user gave."""
    if source.startswith(("http://", "https://")):
        response = httpx.get(source, timeout=TIMEOUT, follow_redirects=True)
        response.raise_for_status()
        text = response.text
    else:
        text = Path(source).read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def _proposed(differing: list[Comparison], folder: Path) -> dict[Path, str]:
    """Return the files with a dated price added for each model that differs."""
    texts: dict[Path, str] = {}
    done: set[tuple[str, str]] = set()
    for comparison in differing:
        offer = comparison.offer
        path = folder / f"{comparison.listed.gateway}.toml"
        if offer is None or (offer.gateway, offer.model.id) in done or not path.exists():
            continue
        done.add((offer.gateway, offer.model.id))
        text = texts.get(path) or path.read_text("utf-8")
        texts[path] = _with_price(text, offer.model.id, comparison)
    return texts


def _with_price(text: str, model: str, comparison: Comparison) -> str:
    """Append a price to the offer of a model; only the first tier is known from another list."""
    parts = text.split("[[offer]]\n")
    for n, part in enumerate(parts):
        if f'model = "{model}"\n' in part:
            parts[n] = f"{part.rstrip()}\n{_block(comparison)}" + (
                "\n" if n + 1 < len(parts) else ""
            )
    return "[[offer]]\n".join(parts)


def _block(comparison: Comparison) -> str:
    listed, today = comparison.listed, datetime.now(UTC).date()
    rates = f'input = "{listed.input:f}", output = "{listed.output:f}"'
    if listed.cache_read:
        rates += f', cache_read = "{listed.cache_read:f}"'
    bound = comparison.tier.up_to if comparison.tier else None
    first = f"up_to = {bound:_}, " if bound else ""
    return (
        f"[[offer.price]]\nvalid_from = {today}\n"
        f'currency = "USD"\ntiers = [{{ {first}{rates} }}]\n'
        f'source = "{listed.source}"\nchecked = {today}\n'
    )
