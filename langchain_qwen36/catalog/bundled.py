"""Read the bundled files on first use, a gateway's offers when they are first needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from langchain_qwen36.catalog.models import Model, Offer

_SPELLING = re.compile(r'^(model|id) = "(.*)"$', re.MULTILINE)
"""An offer's model, then the gateway's spelling of it if that differs."""


def bundled_models() -> dict[str, Model]:
    """Read `models.toml`, by id."""
    from langchain_qwen36.catalog.parse import read  # noqa: PLC0415 (see its docstring)

    text = (_data() / "models.toml").read_text("utf-8")
    return {model.id: model for model in read(text, "models.toml").models}


def bundled_retrieval() -> tuple[dict[str, Model], list[Offer]]:
    """Read `retrieval.toml`: embedding and rerank models by id, and their offers."""
    from langchain_qwen36.catalog.parse import read  # noqa: PLC0415 (see its docstring)

    rows = read((_data() / "retrieval.toml").read_text("utf-8"), "retrieval.toml")
    models = {model.id: model for model in rows.models}
    return models, rows.offers(models)


class BundledOffers(Mapping[tuple[str, str], "Offer"]):
    """Offers by gateway and model; each gateway's file is parsed on first use.

    A call needs one gateway's prices: parsing all of them would make the first call wait five
    times as long.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        """Store the models that offers name."""
        self._models = models
        self._read: dict[str, dict[tuple[str, str], Offer]] = {}
        self._gateways = sorted(file.name.removesuffix(".toml") for file in _offers().iterdir())

    def __getitem__(self, key: tuple[str, str]) -> Offer:
        return self._of(key[0])[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for gateway in self._gateways:
            yield from self._of(gateway)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def spellings(self) -> Iterator[tuple[str, str]]:
        """Yield each gateway's spelling with its model's id, by a search of the lines alone."""
        for gateway in self._gateways:
            model_id = ""
            for key, value in _SPELLING.findall(_text(gateway)):
                if key == "model":
                    model_id = value
                else:
                    yield value, model_id

    def _of(self, gateway: str) -> dict[tuple[str, str], Offer]:
        """Return a gateway's offers; none if it has no file."""
        if gateway not in self._read:
            self._read[gateway] = self._parse(gateway) if gateway in self._gateways else {}
        return self._read[gateway]

    def _parse(self, gateway: str) -> dict[tuple[str, str], Offer]:
        from langchain_qwen36.catalog.parse import read  # noqa: PLC0415 (see its docstring)

        offers = read(_text(gateway), f"offers/{gateway}.toml").offers(self._models)
        return {(offer.gateway, offer.model.id): offer for offer in offers}


def _text(gateway: str) -> str:
    return (_offers() / f"{gateway}.toml").read_text("utf-8")


def _offers() -> Traversable:
    return _data() / "offers"


def _data() -> Traversable:
    return files("langchain_qwen36") / "data"
