"""`models`: list the models of a gateway with the catalogue's facts about them."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from langchain_qwen36._model.list_models import ListedModel, catalog_models, list_models
from langchain_qwen36.errors import QwenError
from langchain_qwen36.gateways import select_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE_ERROR = 2
_NO_MODELS = "No model of Qwen's is listed: `--all` shows other makers', too.\n"
_COLUMNS = ("model", "context", "takes", "thinking", "price in / out", "")


def main(argv: Sequence[str]) -> int:
    """Run `models`; return the exit status."""
    parser = argparse.ArgumentParser(prog="langchain_qwen36 models", description=__doc__)
    parser.add_argument("--gateway", help="its name; left out: as `ChatQwen36` would choose it")
    parser.add_argument("--base-url")
    parser.add_argument("--all", action="store_true", help="models of other makers too")
    parser.add_argument("--offline", action="store_true", help="ask the catalogue only")
    options = parser.parse_args(argv)
    try:
        if options.offline:
            endpoint = select_endpoint(options.gateway, options.base_url, has_key=True)
            models = catalog_models(endpoint.gateway)
        else:
            models = list_models(
                options.gateway, base_url=options.base_url, only_qwen=not options.all
            )
    except (QwenError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE_ERROR
    if not models:
        sys.stderr.write(_NO_MODELS)
    rows = [_COLUMNS, *(_row(model) for model in models)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


def _row(model: ListedModel) -> tuple[str, ...]:
    price = f"{model.input_rate} / {model.output_rate} {model.currency}" if model.currency else "?"
    return (
        model.id,
        f"{model.context_window:,}" if model.context_window else "?",
        ", ".join(model.inputs or ("?",)),
        model.thinking or "?",
        price,
        f"retired: use {model.successor}" if model.retired else "" if model.model else "not known",
    )
