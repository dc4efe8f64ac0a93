"""What the models are, who serves them and at what price, read once from `data/`."""

from __future__ import annotations

from langchain_qwen36.catalog.book import (
    PriceBook,
    find_model,
    find_offer,
    models_taking,
    wire_id,
)
from langchain_qwen36.catalog.profile import profile_of
from langchain_qwen36.catalog.rows import (
    CatalogError,
    Modality,
    Model,
    Offer,
    Price,
    Rate,
    ThinkingDefault,
    Tier,
)

__all__ = [
    "CatalogError",
    "Modality",
    "Model",
    "Offer",
    "Price",
    "PriceBook",
    "Rate",
    "ThinkingDefault",
    "Tier",
    "find_model",
    "find_offer",
    "models_taking",
    "profile_of",
    "wire_id",
]
