"""Check images, videos and audio against the limits of the gateway and the model.

`force` skips the limits of the model's row. Those of the gateway's row stay: it would refuse the
whole request.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from langchain_qwen36._content.blocks import block_option
from langchain_qwen36.catalog import models_taking
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._content.formats import Size
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

Part = dict[str, Any]
Kind = Literal["image", "video", "audio", "file"]

_SIBLINGS = ("min_pixels", "max_pixels", "total_pixels", "fps")
"""Keys beside the image or video in a part (Model Studio: image understanding)."""

_NAMED = 3
"""How many models an error names."""


@dataclass(frozen=True, slots=True)
class MediaTarget:
    """The server and the model that will read the parts."""

    gateway: Gateway
    model: Model | None = None
    """The catalogue's row of the model; None if it is unknown."""
    force: bool = False
    """Whether to send what the model is known not to take."""


def check_modality(kind: Kind, target: MediaTarget) -> None:
    """Refuse images, videos or audio that the gateway or the model cannot read.

    Raises:
        MessageError: the message names the model or the gateway, and the models that can.
    """
    row, model = target.gateway, target.model
    if kind == "video" and row.video == "unsupported":
        raise MessageError(f"`gateway={row.name!r}` takes no video: send single frames as images.")
    if target.force or model is None or kind in model.inputs:
        return
    able = models_taking(kind, row.price_list or row.name)[:_NAMED]
    choice = f"choose {', '.join(able)}" if able else "no model of the catalogue does"
    raise MessageError(
        f"{model.id} takes {', '.join(model.inputs)}, not {kind}: {choice}, or pass `force=True` "
        "to send it all the same."
    )


def check_length(text: str, kind: Kind, gateway: Gateway) -> None:
    """Refuse base64 that is longer than the gateway takes in one part."""
    if gateway.max_base64 is not None and len(text) > gateway.max_base64:
        raise MessageError(
            f"A base64 {kind} of {len(text) / 2**20:.1f} MB is more than "
            f"`gateway={gateway.name!r}` takes ({gateway.max_base64 / 2**20:.0f} MB): make it "
            "smaller, or send its URL."
        )


def check_image_size(size: Size | None, gateway: Gateway) -> None:
    """Refuse an image of a size that the gateway does not take; an unknown size passes."""
    if size is None:
        return
    short, long = sorted(size)
    what = f"of an image of {size.width} x {size.height} pixels"
    _check(f"The shorter side {what}", short, "image_side", gateway)
    _check(f"The ratio of the sides {what}", long / short, "image_ratio", gateway)


def check_frames(frames: Sequence[Any], gateway: Gateway) -> None:
    """Refuse a list of too few or too many frames."""
    if not frames:
        raise MessageError("A video is a list of no frames: give the URLs or data URLs of some.")
    _check("The frames of a video", len(frames), "frames", gateway)


def check_counts(messages: Sequence[Mapping[str, Any]], gateway: Gateway) -> None:
    """Refuse more images and videos than the gateway takes in one request.

    Args:
        messages: Messages in wire form.
        gateway: The gateway's row.
    """
    parts = [part for m in messages if isinstance(m["content"], list) for part in m["content"]]
    if not parts:
        return
    images = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    packed = [url for url in images if url.startswith("data:")]
    videos = [part for part in parts if part["type"] in {"video", "video_url"}]
    _check("The images of a request", len(images), "images", gateway)
    _check("The base64 images of a request", len(packed), "base64_images", gateway)
    _check("The videos of a request", len(videos), "videos", gateway)


def media_options(block: Mapping[str, Any], kind: Kind, target: MediaTarget) -> Part:
    """Return the options that go beside an image or a video in wire form.

    Raises:
        MessageError: a number that is impossible, or that the gateway does not take.
    """
    found = {key: value for key in _SIBLINGS if (value := block_option(block, key)) is not None}
    for key, value in found.items():
        whole = key != "fps"
        fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not fits or not 0 < value < inf:
            a_number = "a whole number" if whole else "a number"
            raise MessageError(f"`{key}={value!r:.60}` of the {kind} must be {a_number} above 0.")
        fact = key
        if key in {"min_pixels", "max_pixels"}:
            fact = "image_pixels" if kind == "image" else "frame_pixels"
        _check(f"`{key}={value!r:.60}` of the {kind}", value, fact, target.gateway)
    low, high = found.get("min_pixels"), found.get("max_pixels")
    if low is not None and high is not None and low > high:
        raise MessageError(
            f"`min_pixels={low!r:.60}` of the {kind} is above `max_pixels={high!r:.60}`."
        )
    return found


def _check(what: str, value: float, fact: str, gateway: Gateway) -> None:
    bounds = gateway.media_limits.get(fact)
    if bounds is not None and value not in bounds:
        shown = "" if what.startswith("`") else f" ({value:.6g})"
        raise MessageError(f"{what}{shown}: `gateway={gateway.name!r}` takes {bounds}.")
