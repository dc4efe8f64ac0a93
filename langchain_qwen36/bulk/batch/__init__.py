"""Batch jobs: requests that a gateway runs within a day, at a price of their own."""
