"""A picture drawn in this process, as bytes, and a video as its frames; what each weighs and costs.

With a gateway's key set: python examples/multimodal.py
Lists of frames are taken by Alibaba's own gateways (DASHSCOPE_API_KEY), images by all.
"""

from __future__ import annotations

import struct
import zlib

from langchain_core.messages import HumanMessage

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import MessageError
from langchain_qwen36.media import image_block, video_block


def square(x: int, size: int = 96) -> bytes:
    """Return a PNG: a red square on white, its left edge at x."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    red, white = b"\xd0\x20\x20", b"\xff\xff\xff"
    line = b"\0" + white * x + red * 32 + white * (size - x - 32)
    blank = b"\0" + white * size
    pixels = zlib.compress(blank * 32 + line * 32 + blank * (size - 64))
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def main() -> None:
    """Ask about both; then ask a model that cannot see."""
    model = ChatQwen36(model="qwen3.6-flash", enable_thinking=False)
    shown = {
        "Which shape and colour is this?": image_block(square(32)),
        "Where does the square go?": video_block([square(x) for x in range(0, 64, 8)], fps=2),
    }
    for question, block in shown.items():
        messages = [HumanMessage([{"type": "text", "text": question}, block])]
        print("about", model.estimate_cost(messages).input_tokens, "tokens:", question)
        answer = model.invoke(messages)
        print(answer.text, answer.response_metadata.get("cost"))
    try:
        model.invoke(messages, model="qwen3.7-max")
    except MessageError as error:
        print(error)


if __name__ == "__main__":
    main()
