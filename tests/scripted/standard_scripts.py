"""The scripts that answer LangChain's standard integration suite, question by question."""

from __future__ import annotations

import json

from scripted.scripts import ANSWER, HELLO, Script, ToolFormat, call

_JOKE = {"setup": "Why do cats sit on keyboards?", "punchline": "To reach the mouse."}
_CUSTOMER = {"customer_name": "", "description": "A company."}


def standard_scripts(tool_format: ToolFormat) -> dict[str, Script]:
    """Return the scripts by scene, in the order in which the template tries them."""
    joke, joke_dict = (call(name, _JOKE, tool_format) for name in ("Joke", "JokeDict"))
    calls = {
        "no_args": ("'no_args' in text", "magic_function_no_args", {}),
        "magic": ("'magic' in text or text == 'Hello!'", "magic_function", {"input": 3}),
        "pirate": ("'Pirate' in text", "greeting_generator", {"answer_style": "pirate"}),
        "weather": ("'weather' in text", "get_weather", {"location": "Paris"}),
        "adder": ("'3 + 4' in text", "my_adder_tool", {"a": 3, "b": 4}),
        # One character each, behind letters: neither a byte nor a bare line break may come twice.
        "chinese": (
            "'Chinese' in text",
            "unicode_customer",
            _CUSTOMER | {"customer_name": "Nihao 你"},
        ),
        "japanese": (
            "'Japanese' in text",
            "unicode_customer",
            _CUSTOMER | {"customer_name": "Konnichiwa こ"},
        ),
    }
    return {
        "answer": Script("last.role == 'tool'", ANSWER),
        **{
            scene: Script(f"tools and ({when})", call(name, arguments, tool_format))
            for scene, (when, name, arguments) in calls.items()
        },
        "joke": Script("tools and 'joke' in text", joke, variants=(joke_dict,)),
        "json": Script("'JSON' in text", json.dumps(_JOKE)),
        "hello": Script("true", HELLO),
    }
