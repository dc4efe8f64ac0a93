"""A gateway on a loopback socket that behaves as its row says, its refusals included.

    with LoopbackGateway("dashscope") as gateway:
        model = ChatQwen36(gateway="dashscope", base_url=gateway.base_url, api_key=gateway.key)

`rules` is what it accepts, `brain` what the model behind it says, `answers` how that is worded on
the wire, `dialects` the facts that tell one gateway's wording from another's.
"""

from loopback.brain import Call, Reply
from loopback.server import Captured, LoopbackGateway, Raw
from loopback.turn import Refusal

__all__ = ["Call", "Captured", "LoopbackGateway", "Raw", "Refusal", "Reply"]
