"""Cassettes: how they are written, scrubbed, played and recorded anew."""

from __future__ import annotations

from pathlib import Path

CASSETTES = Path(__file__).parents[2] / "cassettes"
