"""The pages that are written from the catalogue are those of today's catalogue."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """Return the program that writes them."""
    spec = importlib.util.spec_from_file_location("docs_catalog", DOCS / "catalog.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_models_is_written_from_the_catalogue(writer):
    """`python docs/catalog.py` writes it anew."""
    assert writer.models_page() == (DOCS / "models.md").read_text("utf-8")


def test_the_page_of_prices_is_written_from_the_catalogue(writer):
    """Its counts against genai-prices are those of the installed package."""
    page = (DOCS / "prices.md").read_text("utf-8")
    assert writer.prices_page(writer.litellm_row(page)) == page


def test_the_table_of_gateways_is_written_from_the_registry(writer):
    """Every gateway has its row: key, variable, and the switch for thinking."""
    assert writer.gateway_table() in (DOCS / "gateways.md").read_text("utf-8")
