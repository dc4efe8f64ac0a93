"""Limit requests and tokens per key across threads, processes and machines."""

from langchain_qwen36.rate_limits.limiter import OnFailure, SharedRateLimiter

__all__ = ["OnFailure", "SharedRateLimiter"]
