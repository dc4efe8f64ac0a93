"""The examples run as they stand: on a gateway of ours, on the embedded engine, without a key."""

from __future__ import annotations

import ast
import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import run_notebook

from langchain_qwen36.errors import MissingKeyError
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
EXAMPLES = {path.name: path for path in FOLDER.iterdir() if path.suffix in (".py", ".ipynb")}

SHOWN = {
    "agent.py": ('→ get_weather{"city": "Paris"}\n← 17 degrees and rainy\n', "≤256K"),
    "agent_with_budget.py": (
        "What is the weather in Paris? The tools say: 17 degrees in Paris (0.000",
        "stopped: The budget of 0.0005 USD ",
    ),
    "bulk_run.py": (
        "first: 3 of 3 rows answered; 0.0000",
        "then: 6 of 6 rows answered; 3 from earlier runs; 0.000",
        "Lima: You said: In which country is Lima? Answer with its name only. (",
    ),
    "cost_report.ipynb": ("<td>qwen3.7-max</td><td>dashscope-intl</td><td>≤1M</td>",),
    "hello.py": (
        "thoughts: The user says 'What is the capital of France?'",
        "answer: You said: What is the capital of France?\ncost: 0.000",
    ),
    "langgraph_checkpoint.py": (
        "Waits with: You said: Describe Paris in one sentence.",
        "ai: You said: Now describe Rome instead.",
        "kept with the draft: The user says 'Describe Paris",
    ),
    "lcel_chain.py": (
        "both at once: {'capital': 'You said: In one sentence: the capital of France?', 'food'",
        "one of a batch: You said: In one sentence: the capital of Japan?",
        "streamed: You said: In one sentence: the capital of Spain?\n",
    ),
    "middleware_cost_budget.py": ("I have to stop here: the spending limit",),
    "middleware_model_router.py": ("{'rule': 'hard reasoning', 'model': 'qwen3.7-max'}",),
    "middleware_prompt_caching.py": ("'saved': '0.001",),
    "middleware_tier_guard.py": ("'action': 'trim', 'bound': 256000",),
    "middleware_tool_call_repair.py": ("again with one shorter JSON object",),
    "multimodal.py": (
        "tokens: Which shape and colour is this?\nYou said",
        "I see 1 image.",
        "tokens: Where does the square go?\nYou said",
        "qwen3.7-max takes text, not video: choose qwen3.6-plus",
    ),
    "own_server.py": ("answer: You said: What is the capital of France?", "that `price_as` names"),
    "prompt_caching.py": (
        "to write the cache, 0.000000 to read it\n",
        "in all, saved +0.00",
        "\nsaved in all: 0.00",
    ),
    "search.py": (
        "Hangzhou today? I searched the web.\ncost: 0.000",
        "refused: `search_options={'search_strategy': 'deep'}`",
    ),
    "structured_output.py": ("City(name='Kyoto', continent='Asia', population=1460000)",),
    "thinking_stream.py": (
        "enable_thinking=True\n\033[2mThe\033[0m\033[2m user\033[0m",
        "enable_thinking=False\nYou said: What is the largest planet?\n0.000",
    ),
}
"""The lines of each example's output that it is there for, on the loopback gateway."""

GATEWAY_OF = {"own_server.py": "vllm"}
"""Whose row the loopback gateway behaves as; else Model Studio's in Singapore."""

SHOWN_BY_ENGINE = {
    "agent.py": ('→ get_weather{"city": "Paris"}\n← 17 degrees and rainy\n', "≤256K"),
    "agent_with_budget.py": ("stopped: The budget of 0.0005 USD ",),
    "bulk_run.py": (
        "first: 3 of 3 rows answered; cost 0\n",
        "then: 6 of 6 rows answered; 3 from earlier runs; cost 0\n",
    ),
    "hello.py": ("thoughts: The user asks about", "cost: 0 for 1 call"),
    "langgraph_checkpoint.py": ("thoughts, kept with the draft: The user asks about",),
    "lcel_chain.py": ("both at once: {'capital': ", "streamed: "),
    "own_server.py": ("thoughts: The user asks about", "that `price_as` names"),
    "structured_output.py": ("City(name=",),
    "thinking_stream.py": ("enable_thinking=True\n\033[2mThe user asks", "0 for 1 call"),
}
"""The same on the embedded engine, for those that say how to run there; it answers as it likes."""

QUICK = {"agent.py", "hello.py"}
"""Those of them that run with the quick tests; the engine takes seconds for each."""

COMMAND = re.compile(r"((?:\w+=\S+ )*)python examples/(\S+)(.*)")


def source_of(name):
    """Return the lines that a reader of it sees."""
    text = EXAMPLES[name].read_text("utf-8")
    if name.endswith(".py"):
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


def docstring_of(name):
    """Return what an example says of itself."""
    return ast.get_docstring(ast.parse(source_of(name))) or ""


def keyless_command(name):
    """Variables and arguments of the command for the embedded engine; None where there is none."""
    found = COMMAND.findall(docstring_of(name))
    commands = [(dict(word.split("=") for word in env.split()), rest) for env, _, rest in found]
    local = [
        (env, shlex.split(rest))
        for env, rest in commands
        if env.get("QWEN36_GATEWAY") == "local" or rest.strip() == "local"
    ]
    return local[0] if local else None


def run(name):
    """Run an example in this process, as `__main__`."""
    if name.endswith(".py"):
        runpy.run_path(str(EXAMPLES[name]), run_name="__main__")
        return
    for outputs in run_notebook.run(json.loads(EXAMPLES[name].read_text("utf-8"))):
        for output in outputs:
            sys.stdout.writelines(output.get("text") or output["data"]["text/html"])


@pytest.fixture
def gateway_in_environment(
    gateway_server: Callable[..., LoopbackGateway], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Start the gateway of an example, and set the variables that lead there."""

    def start(name):
        row = GATEWAYS[GATEWAY_OF.get(name, "dashscope-intl")]
        server = gateway_server(row)
        monkeypatch.setenv("QWEN36_GATEWAY", row.name)
        monkeypatch.setenv(row.key_env[0], server.key)
        monkeypatch.setenv(row.base_url_env[0], server.base_url)
        monkeypatch.setattr(sys, "argv", [name])

    return start


def test_every_example_has_a_row():
    """A new one needs its line above, and a link in the index."""
    index = (FOLDER / "README.md").read_text("utf-8")
    assert sorted(EXAMPLES) == sorted(SHOWN)
    assert sorted(re.findall(r"^\| \[(.+)\]\(\1\) \|", index, re.MULTILINE)) == sorted(SHOWN)


def test_those_that_need_no_key_are_known():
    """A docstring that says how to run on the embedded engine is held to it; so is `make demo`."""
    scripts = [name for name in EXAMPLES if name.endswith(".py")]
    promised = {name for name in scripts if keyless_command(name) is not None}
    assert promised | {"agent.py"} == set(SHOWN_BY_ENGINE)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_short_and_says_how_it_is_run(name):
    """Under 60 lines; its first words name its own file."""
    source = source_of(name)
    assert len(source.splitlines()) < 60
    if name.endswith(".py"):
        assert name in [file for _, file, _ in COMMAND.findall(docstring_of(name))]
    else:
        assert f"jupyter lab examples/{name}" in source


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_example_shows_what_it_is_for(gateway_in_environment, capsys, name):
    """With a key in the environment, on a gateway that behaves as its row."""
    gateway_in_environment(name)
    run(name)
    out = capsys.readouterr().out
    assert [line for line in SHOWN[name] if line not in out] == []


@pytest.mark.parametrize("name", [pytest.param("agent.py", marks=pytest.mark.long), "hello.py"])
def test_an_example_runs_as_a_user_runs_it(gateway_in_environment, name):
    """By `python examples/…` in a process of its own, without a word on stderr."""
    gateway_in_environment(name)
    command = [sys.executable, f"examples/{name}"]
    done = subprocess.run(  # noqa: S603 (our own file)
        command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert [line for line in SHOWN[name] if line not in done.stdout] == []
    assert done.stderr == ""


@pytest.mark.engine
@pytest.mark.timeout(300)  # it samples, and may ramble on a busy machine
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.long)
        for name in sorted(SHOWN_BY_ENGINE)
    ],
)
def test_an_example_needs_no_key_on_the_embedded_engine(monkeypatch, capsys, name):
    """By the command in its docstring, word for word."""
    variables, arguments = keyless_command(name) or ({}, [])
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    run(name)
    out = capsys.readouterr().out
    assert [line for line in SHOWN_BY_ENGINE[name] if line not in out] == []


@pytest.mark.parametrize("name", sorted(SHOWN.keys() - {"agent.py", "own_server.py"}))
def test_without_a_key_an_example_says_which_to_set(monkeypatch, name):
    """And how to go on without one."""
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(MissingKeyError, match=r'DASHSCOPE_API_KEY, .*`gateway="local"`'):
        run(name)


def test_the_notebook_holds_what_it_gives(gateway_in_environment):
    """Its committed outputs are a real run's; `python tests/run_notebook.py` writes them anew."""
    gateway_in_environment("cost_report.ipynb")
    written = json.loads(EXAMPLES["cost_report.ipynb"].read_text("utf-8"))
    assert run_notebook.run(written) == [
        cell["outputs"] for cell in run_notebook.code_cells(written)
    ]
