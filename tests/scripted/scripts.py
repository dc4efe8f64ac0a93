"""The scripts that the scripted model plays, and the chat template that chooses among them.

A script is the text that the model writes from the end of the prompt on. Which one is played depends
on the conversation alone: the template looks for a word in the last user message, or at the role of
the last message, and begins the prompt with the token of that scene.

A script has variants: where a server forces a tool call or a schema, its grammar refuses the first
step of the script as written, and the model goes on with the first variant that the grammar lets through.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ToolFormat = Literal["hermes", "xml"]
"""How a tool call is written: JSON in <tool_call> (Qwen3), or Qwen3-Coder's XML (Qwen3.5, 3.6)."""

END = "<|im_end|>"


@dataclass(frozen=True)
class Script:
    """What the model writes in a scene."""

    when: str
    """A Jinja condition over `text` (the last user message), `tools` and `last` (the message)."""
    text: str
    """The answer, after the thoughts."""
    thoughts: str | None = None
    """Written in <think> tags before the text, while thinking is on; None: no tags."""
    directly: str | None = None
    """The answer while thinking is off; None: the same text."""
    variants: tuple[str, ...] = ()
    """What takes the place of the text where a grammar refuses it."""

    def thinking(self) -> str:
        """Return the whole script while thinking is on."""
        thoughts = "" if self.thoughts is None else f"<think>{self.thoughts}</think>\n\n"
        return f"{thoughts}{self.text}{END}"

    def not_thinking(self) -> str:
        """Return the whole script while thinking is off."""
        return (self.text if self.directly is None else self.directly) + END


LONG_WORDS = 800
THOUGHTS = "\nThe user greets me.\n"
HELLO = "Hello, my friend!"
PLAIN = "Hi, no thoughts?"
ANSWER = "It is 18 degrees in Paris today."
CAPITAL = "The capital of Italy is Rome."
EMOJI = "Party\U0001f389\u4e2d now"
"""Written byte by byte: a token for each byte of a character that is not ASCII."""


def scripts(tool_format: ToolFormat) -> dict[str, Script]:
    """Return the scripts by scene, in the order in which the template tries them."""
    weather = call("get_weather", {"city": "Paris"}, tool_format)
    rome = call("get_weather", {"city": "Rome"}, tool_format)
    city = {"city": "Paris", "population": 2100000}
    named = {"name": "Paris", "population": 2100000}
    return {
        "answer": Script("last.role == 'tool'", ANSWER, "\nThe tool has answered me.\n"),
        "inside": Script("tools and 'inside' in text", f"<think>\nI call it now.\n{weather}"),
        "two": Script(
            "tools and 'both' in text",
            f"{weather}\n{rome}",
            "\nBoth cities then.\n",
            variants=(weather,),
        ),
        "weather": Script(
            "tools and 'weather' in text",
            weather,
            "\nI need a tool.\n",
            variants=_variants_of("get_weather", {"city": "Paris"}, tool_format),
        ),
        "structured": Script(
            "tools and 'Describe' in text",
            call("City", city, tool_format),
            "\nA city as arguments.\n",
            variants=_variants_of("City", city, tool_format),
        ),
        "people": Script(
            "tools and 'people' in text",
            call("City", named, tool_format),
            "\nA city with its people.\n",
            variants=_variants_of("City", named, tool_format),
        ),
        "capital": Script("'capital' in text", CAPITAL, "\nA capital, then.\n", CAPITAL),
        "json": Script(
            "'Describe' in text",
            json.dumps(city),
            "\nA city in JSON.\n",
            variants=(json.dumps(city),),
        ),
        "emoji": Script("'party' in text", EMOJI, "\nA party then.\n"),
        "silent": Script("'silent' in text", ""),
        "lone": Script("'lone' in text", "Only a closing tag.\n</think>\n\nThe end.", None, PLAIN),
        "long": Script("'Count' in text", " ".join(f"n{number}" for number in range(LONG_WORDS))),
        "hello": Script("true", HELLO, THOUGHTS, PLAIN),
    }


def call(name: str, arguments: dict[str, Any], tool_format: ToolFormat) -> str:
    """Write a tool call as a model of that format does."""
    if tool_format == "hermes":
        body = json.dumps({"name": name, "arguments": arguments})
    else:
        parameters = "".join(
            f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in arguments.items()
        )
        body = f"<function={name}>\n{parameters}</function>"
    return f"<tool_call>\n{body}\n</tool_call>"


def _variants_of(name: str, arguments: dict[str, Any], tool_format: ToolFormat) -> tuple[str, ...]:
    """Write a forced call as the grammars of servers want it: the call, a list of calls, arguments.

    vLLM lets no line break come before the call; without a step that begins with it the model went
    on letter by letter. No space follows a colon of the other forms, so that no step is one of the
    call in Hermes JSON, from which the script would go on in the other form.
    """
    forms = [{"name": name, "parameters": arguments}], arguments
    written = [json.dumps(form, separators=(", ", ":")) for form in forms]
    return (call(name, arguments, tool_format), *written)


def chat_template(played: Mapping[str, Script], tool_format: ToolFormat) -> str:
    """Write the Jinja template: the scene, then ChatML with tool calls in the format."""
    choice = "".join(
        f"{{%- {'elif' if number else 'if'} {script.when} %}}{{{{- '{scene_token(scene)}' }}}}"
        for number, (scene, script) in enumerate(played.items())
    )
    return _TEMPLATE.replace("CALL", _CALLS[tool_format]).replace("SCENES", choice + "{%- endif %}")


def scene_token(scene: str) -> str:
    """Return the special token that begins a prompt of this scene."""
    return f"<|scene:{scene}|>"


_CALLS = {
    "hermes": (
        '{{- \'<tool_call>\\n{"name": "\' + c.function.name + \'", "arguments": \' }}'
        "{{- c.function.arguments if c.function.arguments is string "
        "else c.function.arguments | tojson }}"
        "{{- '}\\n</tool_call>' }}"
    ),
    "xml": (
        "{{- '<tool_call>\\n<function=' + c.function.name + '>\\n' }}"
        "{%- for key, value in c.function.arguments | items %}"
        "{{- '<parameter=' + key + '>\\n' }}"
        "{{- value if value is string else value | tojson }}{{- '\\n</parameter>\\n' }}"
        "{%- endfor %}{{- '</function>\\n</tool_call>' }}"
    ),
}

GENERATION_PROMPT = "<|im_start|>assistant\n"
NO_THOUGHTS = "<think>\n\n</think>\n\n"
"""Ends the prompt while thinking is off, as Qwen's own templates do."""

_TEMPLATE = """\
{%- macro text_of(content) %}{%- if content is string %}{{- content }}{%- elif content %}
{%- for part in content %}{{- part.text if part.text is defined else '' }}{%- endfor %}{%- endif %}{%- endmacro %}
{%- set ns = namespace(text='', query=-1) %}{%- set last = messages[-1] %}
{%- for m in messages %}
{%- if m.role not in ['system', 'user', 'assistant', 'tool'] %}{{- raise_exception('Unexpected message role.') }}{%- endif %}
{%- if m.role == 'system' and not loop.first %}{{- raise_exception('System message must be at the beginning.') }}{%- endif %}
{%- if m.role == 'user' %}{%- set ns.text = text_of(m.content) %}{%- set ns.query = loop.index0 %}{%- endif %}
{%- endfor %}
{%- if ns.query < 0 %}{{- raise_exception('No user query found in messages.') }}{%- endif %}
{%- set text = ns.text %}SCENES
{%- set keeps = preserve_thinking is defined and preserve_thinking %}
{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}{{- '\\n</tools><|im_end|>\\n' }}{%- endif %}
{%- for m in messages %}{%- set content = text_of(m.content) %}
{%- if m.role == 'tool' %}{{- '<|im_start|>user\\n<tool_response>\\n' + content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif m.role == 'assistant' %}{{- '<|im_start|>assistant\\n' }}
{%- set reasoning = m.reasoning_content if m.reasoning_content is defined else m.reasoning %}
{%- if reasoning is string and reasoning and (keeps or loop.index0 > ns.query) %}
{{- '<think>\\n' + reasoning + '\\n</think>\\n\\n' }}{%- endif %}
{{- content }}
{%- if m.tool_calls %}{%- for c in m.tool_calls %}
{%- if not loop.first or content %}{{- '\\n' }}{%- endif %}CALL{%- endfor %}{%- endif %}
{{- '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>' + m.role + '\\n' + content + '<|im_end|>\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and not enable_thinking %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}"""
"""ChatML, with what Qwen3.5's and 3.6's own templates refuse: other roles, a system message that is
not the first, no user message. Reasoning of earlier turns is written where `preserve_thinking` is set."""
