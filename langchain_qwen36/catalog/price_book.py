"""Find models and offers by any spelling of a name.

A price book holds the bundled files, or those with a user's own rows added.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_qwen36.catalog.bundled import BundledOffers, bundled_models, bundled_retrieval
from langchain_qwen36.catalog.models import CatalogError, Model, Offer
from langchain_qwen36.errors import nearest
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{2}-\d{2}|\d{4}|latest)$")
"""A dated snapshot of a model, or its moving `-latest`."""

_BUILD = re.compile(
    r"[-._](?:gguf|awq|gptq|mlx|fp8|nvfp4|mxfp4|bf16|fp16|f16|int[48]|[2-8]bit|ud|dynamic"
    r"|i?q\d(?:_[0-9a-z]+)*)$"
)
"""One part of the name of a quantized or repackaged build of open weights."""

_VARIANT = re.compile(r"(?::[a-z][a-z-]*|-us)$")
"""A route or discount after the id (`:free`, `:nitro`, `:novita`), or a deployment (`-us`)."""


class PriceBook:
    """Models and offers, found by any of their names. Immutable; results are cached."""

    def __init__(self, models: Iterable[Model], offers: Iterable[Offer] | BundledOffers) -> None:
        """Index the models and offers.

        Raises:
            CatalogError: One name means two models.
        """
        self.models: Mapping[str, Model] = {model.id: model for model in models}
        if isinstance(offers, BundledOffers):
            self.offers: Mapping[tuple[str, str], Offer] = offers
            spellings = offers.spellings()
        else:
            self.offers = {(offer.gateway, offer.model.id): offer for offer in offers}
            spellings = ((offer.wire_id, offer.model.id) for offer in self.offers.values())
        self._names = _index(self.models.values(), spellings)
        self.model = lru_cache(maxsize=2048)(self._model)
        self.offer = lru_cache(maxsize=2048)(self._offer)

    def __reduce__(self) -> tuple[type[PriceBook], tuple[tuple[Model, ...], tuple[Offer, ...]]]:
        """Build a copy's index again, since cached results cannot be pickled."""
        return (PriceBook, (tuple(self.models.values()), tuple(self.offers.values())))

    @staticmethod
    @cache
    def bundled() -> PriceBook:
        """Return the book that comes with the package, read once."""
        models = bundled_models()
        return PriceBook(models.values(), BundledOffers(models))

    @staticmethod
    @cache
    def retrieval() -> PriceBook:
        """Return the bundled book of embedding and rerank models, read once."""
        models, offers = bundled_retrieval()
        return PriceBook(models.values(), offers)

    @classmethod
    def from_toml(cls, path: str | PathLike[str], *, gateways: Iterable[str] = ()) -> PriceBook:
        """Return the bundled book with the rows of your file added; your rows win.

        The file has the form of the bundled ones: `[[offer]]` rows, and `[[model]]` rows for
        models that the bundled book does not know. A row replaces the whole bundled row of the
        same gateway and model (or the same model id).

        Args:
            path: The TOML file.
            gateways: Names of your own gateways that look like a misspelt known one.

        Raises:
            CatalogError: The file is wrong; the message names its row and field.
            OSError: The file cannot be read.
        """
        from langchain_qwen36.catalog.parse import read  # noqa: PLC0415 (see its docstring)

        bundled, file = cls.bundled(), str(path)
        rows = read(Path(path).read_text("utf-8"), file)
        models = {**bundled.models, **{model.id: model for model in rows.models}}
        offers = rows.offers({**cls.retrieval().models, **models})
        models |= {offer.model.id: offer.model for offer in offers}
        _check_gateways(offers, file, {*GATEWAYS, *gateways})
        old = [replace(offer, model=models[offer.model.id]) for offer in bundled.offers.values()]
        return cls(models.values(), [*old, *offers])

    def wire_id(self, gateway: str, name: str) -> str:
        """Return a gateway's spelling of a model; an unknown name is returned unchanged.

        A dated snapshot and a variant such as `:free` keep the caller's spelling: the row's id
        would request another model.
        """
        offer = self.offers.get((gateway, self._names.get(name.lower(), "")))
        return name if offer is None or name.lower() == offer.wire_id.lower() else offer.wire_id

    def _model(self, name: str) -> Model | None:
        plain = name.lower()
        model = self._plain(plain)
        return model or self._plain(_VARIANT.sub("", plain))

    def _plain(self, name: str) -> Model | None:
        """Return the model of a lower-case name without variant, of its last segment or base."""
        last = name.rsplit("/", 1)[-1]
        for spelling in (name, last, _SNAPSHOT.sub("", last)):
            if spelling in self._names:
                return self.models[self._names[spelling]]
        base = last
        while (shorter := _BUILD.sub("", base)) != base:
            base = shorter
        model = self.models.get(self._names.get(base, ""))
        return model if model is not None and model.open_weights else None

    def _offer(self, gateway: str, name: str) -> Offer | None:
        model = self._model(name)
        offer = self.offers.get((gateway, model.id)) if model else None
        if offer is None or self._plain(name.lower()) is not None:
            return offer
        # A variant is served by someone else or at another price: only the model is known.
        return replace(offer, wire_id=name, prices=())


def find_model(name: str) -> Model | None:
    """Find a model by any spelling: bare, prefixed, dated, a build, a variant."""
    return PriceBook.bundled().model(name)


def find_offer(gateway: str, name: str) -> Offer | None:
    """Return a model as one gateway (by its row's name) serves it, or None."""
    return PriceBook.bundled().offer(gateway, name)


def models_taking(kind: str, gateway: str) -> list[str]:
    """Return models that take images, videos or audio: those of the gateway, else all known ones.

    Retired models are left out, since the result is advice.
    """
    book, today = PriceBook.bundled(), datetime.now(UTC).date()
    able = [m.id for m in book.models.values() if kind in m.inputs and not m.is_retired(today)]
    return [name for name in able if (gateway, name) in book.offers] or able


@lru_cache(maxsize=256)
def wire_id(gateway: str, name: str) -> str:
    """Return a gateway's spelling of a model; an unknown name is returned unchanged."""
    return PriceBook.bundled().wire_id(gateway, name)


def nearest_models(name: str, gateway: str | None = None) -> list[str]:
    """Return up to three known ids that a misspelt model may mean, those on sale first."""
    book = PriceBook.bundled()
    ids = [model.id for model in book.models.values() if model.retired is None]
    if gateway and (sold := [name for name in ids if (gateway, name) in book.offers]):
        ids = sold
    return nearest(name.rsplit("/", 1)[-1], ids)


def _check_gateways(offers: Iterable[Offer], file: str, known: set[str]) -> None:
    """Refuse a gateway name that looks misspelt: its price would never be found."""
    for n, offer in enumerate(offers, 1):
        if offer.gateway not in known and (close := nearest(offer.gateway, known, likeness=0.9)):
            raise CatalogError(
                f"{file}: offer {n} ({offer.gateway} {offer.model.id}): `gateway` = "
                f"{offer.gateway!r} is not known; did you mean {close[0]!r}? If it is a gateway of "
                f"your own, pass `PriceBook.from_toml(path, gateways=[{offer.gateway!r}])`."
            )


def _index(models: Iterable[Model], spellings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Map every known spelling, in lower case, to the id of its model."""
    names: dict[str, str] = {}
    for model in models:
        for spelling in (model.id.lower(), *model.aliases):
            _name(names, spelling, model.id)
    for spelling, model_id in spellings:
        _name(names, spelling.lower(), model_id)
    return names


def _name(names: dict[str, str], spelling: str, model_id: str) -> None:
    if names.setdefault(spelling, model_id) != model_id:
        raise CatalogError(f"{spelling!r} means both {names[spelling]!r} and {model_id!r}")
