"""The gateways: one row of facts each, and the choice of a row.

The meaning of a fact is implemented once, where it is read, mostly in `langchain_qwen36._request`,
by a `match` that is closed with `assert_never`. Adding a gateway is adding a row; a user's own is
`Gateway(name="mine", base_url="https://…/v1")`.
"""

from langchain_qwen36.gateways.gateway import Gateway, Range, ServerFeature, UploadLimit
from langchain_qwen36.gateways.registry import GATEWAYS
from langchain_qwen36.gateways.resolve import Endpoint, gateway_of_host, select_endpoint

__all__ = [
    "GATEWAYS",
    "Endpoint",
    "Gateway",
    "Range",
    "ServerFeature",
    "UploadLimit",
    "gateway_of_host",
    "select_endpoint",
]
