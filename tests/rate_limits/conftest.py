"""Both storages of the rate limiter, and a key for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Run a real Redis as long as these tests run."""
    with RedisServer() as server:
        yield f"{server.url}?socket_timeout=30"  # a busy machine's Redis is not a dead one


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest) -> str:
    """Run a test with both kinds of storage."""
    return "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """Name a key that no other test has."""
    return str(request.node.nodeid)
