"""Read which gateways run batches, with which models and limits: `data/batch.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

Form = Literal["file", "inline", "chat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchService:
    """A gateway's batch service; None: no source says."""

    gateway: str
    """The gateway's name."""
    form: Form
    """`file`: a JSON Lines file is uploaded first; `inline`: the creating call holds the requests;
    `chat`: one request that waits for its answer."""
    models: tuple[str, ...] | None = None
    """Models in the gateway's spelling; None: its own list of models says."""
    max_requests: int | None = None
    """Most requests in a batch."""
    max_bytes: int | None = None
    """Most bytes of a batch."""
    max_request_bytes: int | None = None
    """Most bytes of one request with its envelope."""
    max_input_tokens: int | None = None
    """Most input tokens of one request, if fewer than the model's own."""
    longest_window_hours: int | None = None
    """Most hours that a batch may be given."""
    kept_days: int | None = None
    """Days after which the results are gone."""
    source: str = ""
    """Where the facts are from."""
    checked: date | None = None
    """The day on which the source was last checked."""


@cache
def batch_services() -> Mapping[str, BatchService]:
    """Return the bundled services, by gateway."""
    text = (files("langchain_qwen36") / "data" / "batch.toml").read_text("utf-8")
    rows = tomllib.loads(text)["service"]
    services = (_service(row) for row in rows)
    return {service.gateway: service for service in services}


def _service(row: dict[str, Any]) -> BatchService:
    models = row.pop("models", None)
    return BatchService(**row, models=None if models is None else tuple(models))


def batch_service(gateway: str) -> BatchService:
    """Return the service that takes a gateway's batch jobs.

    Raises:
        UnsupportedSettingError: The gateway has no known service; the message names those that
            have.
    """
    services = batch_services()
    jobs = [name for name, service in services.items() if service.form != "chat"]
    if gateway not in jobs:
        hint = " It is half price already, one request at a time." if gateway in services else ""
        raise UnsupportedSettingError(
            f"No batch jobs are known at `gateway={gateway!r}`.{hint} They are at "
            f"{', '.join(jobs)}; pass `service=BatchService(...)` for another."
        )
    return services[gateway]


def check_batch_model(service: BatchService, wire_id: str, *, is_known: bool) -> str | None:
    """Check that a service runs a model.

    Args:
        service: The service.
        wire_id: The model in the gateway's spelling.
        is_known: Whether the catalogue knows the model. An unknown one may be newer than the list,
            and passes.

    Returns:
        A text to warn with; None if the model is listed.

    Raises:
        UnsupportedSettingError: The model is known, and not among those that the service lists.
    """
    if service.models is None or wire_id.lower() in service.models:
        return None
    text = (
        f"{wire_id} is not among the models that `gateway={service.gateway!r}` runs in batches: "
        f"{', '.join(service.models)} ({service.source}, read {service.checked})."
    )
    if is_known:
        raise UnsupportedSettingError(f"{text} Run it live, or choose one of these.")
    return text
