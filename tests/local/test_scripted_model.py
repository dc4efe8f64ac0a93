"""The scripted model plays its scripts, as its weights say."""

from __future__ import annotations

import numpy as np
import pytest
from scripted.model import CODE, ScriptedModel, steps_of
from scripted.scripts import END


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        pytest.param("a b c", ["a", " b", " c"], id="words"),
        pytest.param("a b a c", ["a", " b", " a", " c"], id="leading-space-tells-apart"),
        pytest.param("x a b a c", ["x", " a", " b", " a c"], id="a-repetition-grows"),
        pytest.param(
            "<think>\nYes.\n</think>\n\nA", ["<think>", "\nYes.\n", "</think>", "\n\nA"], id="tags"
        ),
        pytest.param(
            "<tool_call>\nA\n</tool_call>\n<tool_call>\nB\n</tool_call>",
            ["<tool_call>", "\nA\n</tool_call>\n", "<tool_call>\nB\n", "</tool_call>"],
            id="the-first-opening-and-the-last-closing-tag-stand-alone",
        ),
    ],
)
def test_a_text_is_cut_into_steps_that_occur_once(text, steps):
    """Repeated pieces grow by what follows them, so that each step has one successor."""
    assert steps_of(text) == steps


@pytest.mark.parametrize("tool_format", ["hermes", "xml"])
def test_the_output_matrix_plays_each_script(tool_format):
    """From the end of the prompt on, the best next step is the script's, down to the end token."""
    model = ScriptedModel(tool_format)
    weights = model.weights()
    codes = weights["model.embed_tokens.weight"][:, :CODE]
    output = weights["lm_head.weight"][:, CODE : 2 * CODE]
    down = weights["model.layers.0.mlp.down_proj.weight"]
    for number, scene in enumerate(model.steps):
        signs = down[CODE + np.arange(CODE), number * CODE + np.arange(CODE)]
        for prompt, steps in model.steps[scene][:2]:
            token, played = model.tokenizer.encode(prompt).ids[-1], []
            while len(played) < len(steps) and END not in played:
                token = int((output @ (codes[token] * signs)).argmax())
                played.append(model.tokenizer.id_to_token(token))
            assert steps == played


def test_a_model_is_the_same_each_time():
    """Nothing in it is left to chance: two builds have equal weights."""
    first, second = ScriptedModel("xml").weights(), ScriptedModel("xml").weights()
    assert {
        name: np.array_equal(weight, second[name]) for name, weight in first.items()
    } == dict.fromkeys(first, True)
