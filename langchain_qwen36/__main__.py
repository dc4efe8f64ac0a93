"""Run a command: `python -m langchain_qwen36 spend report`."""

from __future__ import annotations

from langchain_qwen36.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
