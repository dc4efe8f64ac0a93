"""Rows of a file, answered in bulk: stopped, gone on with, and what it cost.

With a gateway's key set (DASHSCOPE_API_KEY, OPENROUTER_API_KEY, …): python examples/bulk_run.py
With none, on a tiny model: QWEN36_GATEWAY=local python examples/bulk_run.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from langchain_qwen36 import ChatQwen36, bulk

CITIES = ["Paris", "Rome", "Tokyo", "Lima", "Cairo", "Oslo"]
PROMPT = "In which country is {city}? Answer with its name only."

model = ChatQwen36(model="qwen3.6-flash", enable_thinking=False, max_tokens=20)

with tempfile.TemporaryDirectory() as folder:
    source, output = Path(folder, "cities.jsonl"), Path(folder, "countries.jsonl")

    # Half of the rows, as if the run had been killed there.
    source.write_text("".join(json.dumps({"id": c, "city": c}) + "\n" for c in CITIES[:3]))
    print("first:", bulk.run(model, source, output=output, prompt=PROMPT))

    # The same call with all rows sends only the new ones.
    source.write_text("".join(json.dumps({"id": c, "city": c}) + "\n" for c in CITIES))
    print("then:", bulk.run(model, source, output=output, prompt=PROMPT))

    for line in output.read_text("utf-8").splitlines():
        row = json.loads(line)
        print(f"{row['id']}: {row['answer']} ({row['usage']['total_tokens']} tokens)")
