"""Who runs batches of requests, and with which models and limits: `data/batch.toml`."""

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
    """How a gateway takes batches; None: no source says."""

    gateway: str
    """The gateway's name."""
    form: Form
    """`file`: a JSON Lines file is uploaded first; `inline`: the requests stand in the call that
    makes the batch; `chat`: one request that waits for its answer."""
    models: tuple[str, ...] | None = None
    """As the gateway spells them; None: its own list of models says."""
    max_requests: int | None = None
    """Of a batch."""
    max_bytes: int | None = None
    """Of a batch."""
    max_request_bytes: int | None = None
    """Of one request with its envelope."""
    max_input_tokens: int | None = None
    """Of one request, where it is less than the model's own."""
    longest_window_hours: int | None = None
    """How long a batch may be given."""
    kept_days: int | None = None
    """Days after which the results are gone."""
    source: str = ""
    """Where this is from."""
    checked: date | None = None
    """The day the source was last seen to say so."""


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
        UnsupportedSettingError: none is known; the message names those that are.
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
        wire_id: The model as the gateway spells it.
        is_known: Whether the catalogue knows the model. One that it does not know may be newer
            than the list, and is let through.

    Returns:
        What to warn of; None where the model is listed.

    Raises:
        UnsupportedSettingError: the model is known, and not among those that the service lists.
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
