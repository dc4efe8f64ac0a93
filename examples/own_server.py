"""The open weights on your own server, and what its tokens would have cost elsewhere.

vllm serve Qwen/Qwen3.6-27B --reasoning-parser qwen3 \
    --enable-auto-tool-choice --tool-call-parser qwen3_coder

Then: python examples/own_server.py
On another machine: VLLM_BASE_URL=http://gpu:8000/v1 python examples/own_server.py
Of another kind: python examples/own_server.py sglang (or llamacpp, ollama)
Without a server, on a tiny model: python examples/own_server.py local
"""

from __future__ import annotations

import sys

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback

GATEWAY = sys.argv[1] if len(sys.argv) > 1 else "vllm"

model = ChatQwen36(model="Qwen/Qwen3.6-27B", gateway=GATEWAY)

with get_qwen_cost_callback(price_as="dashscope-intl") as cb:
    message = model.invoke("What is the capital of France?")

print("thoughts:", message.additional_kwargs.get("reasoning_content"))
print("answer:", message.text)
print("cost:", cb)
