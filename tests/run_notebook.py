"""Runs a notebook's cells as Jupyter would, without Jupyter.

`python tests/run_notebook.py` runs `examples/cost_report.ipynb` against the loopback gateway, and
writes what comes out into it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from loopback import LoopbackGateway

COST_REPORT = Path(__file__).parents[1] / "examples" / "cost_report.ipynb"


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells that can be run, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return what each code cell prints.

    And shows of its last expression, in the file's own form.
    """
    space: dict[str, Any] = {"__name__": "__main__"}
    return [
        _outputs("".join(cell["source"]), space, number)
        for number, cell in enumerate(code_cells(notebook), start=1)
    ]


def _outputs(source: str, space: dict[str, Any], number: int) -> list[dict[str, Any]]:
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), f"<cell {number}>", "exec"), space)  # noqa: S102
        shown = eval(ast.unparse(last), space) if last else None  # noqa: S307
    outputs = []
    if text := printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(text)})
    if shown is not None:
        html = {"text/html": _lines(shown._repr_html_())} if hasattr(shown, "_repr_html_") else {}
        outputs.append(
            {
                "data": html | {"text/plain": _lines(repr(shown))},
                "execution_count": number,
                "metadata": {},
                "output_type": "execute_result",
            }
        )
    return outputs


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Write the notebook's outputs anew."""
    notebook = json.loads(COST_REPORT.read_text("utf-8"))
    with LoopbackGateway("dashscope-intl") as server:
        os.environ |= {
            "QWEN36_GATEWAY": "dashscope-intl",
            "DASHSCOPE_API_KEY": server.key,
            "DASHSCOPE_BASE_URL": server.base_url,
        }
        results = run(notebook)
    cells = code_cells(notebook)
    for number, (cell, outputs) in enumerate(zip(cells, results, strict=True), start=1):
        cell.update(execution_count=number, outputs=outputs)
    COST_REPORT.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
