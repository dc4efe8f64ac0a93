"""Models, the gateways that serve them, and their prices, read once from `data/`."""

from __future__ import annotations

from langchain_qwen36.catalog.models import (
    CatalogError,
    Modality,
    Model,
    Offer,
    ThinkingDefault,
)
from langchain_qwen36.catalog.price import Price, Rate, Tier
from langchain_qwen36.catalog.price_book import (
    PriceBook,
    find_model,
    find_offer,
    models_taking,
    nearest_models,
    wire_id,
)
from langchain_qwen36.catalog.profile import profile_of

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
    "nearest_models",
    "profile_of",
    "wire_id",
]
