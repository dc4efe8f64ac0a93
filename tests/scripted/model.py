"""Build a Qwen3 model of some megabytes whose weights are computed, so that real servers play scripts.

How it works. The residual stream holds a random ±1 code of the current token. One attention head finds
the only scene token of the prompt: the key is positive for scene tokens and negative for all
others, in a slow pair of RoPE, so that distance does not matter. It adds the scene's one-hot vector. The
MLP has a group of units for each scene, which its gate opens: they write the token's code again, with
signs of that scene's own. The output matrix maps such a code to the step that the scene's script goes on with.
The chat template begins the prompt with the scene token that fits the conversation (`scripts.py`).
Every parser, grammar and check of the server runs as with a trained model.

Within a scene a token has one successor (and one more for each variant), so a script is cut into
steps that occur once in it: `steps_of`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from scripted.scripts import (
    END,
    GENERATION_PROMPT,
    NO_THOUGHTS,
    Script,
    ToolFormat,
    chat_template,
    scene_token,
    scripts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CODE = 256
"""Dimensions of a token's code; the residual stream holds it twice, then scenes, then two flags."""
HEAD = 32
CONTEXT = 8192
_SLOW = HEAD // 2 - 2
"""Index of a pair of RoPE that hardly turns at `ROPE_THETA`."""
ROPE_THETA = 1e30
NORM_EPSILON = 1e-6
_ROUNDS = 6
"""Of corrections; after 4 every step of every script stands out, which a test holds."""
_TAG = r"</?think>|</?tool_call>|<\|im_end\|>"
_PIECE = re.compile(rf"{_TAG}|\s+(?={_TAG})|\s*(?:<[^\s<>]*>|[^\s<]+|<)(?:\s+(?={_TAG}))?|\s+")
_BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def steps_of(text: str) -> list[str]:
    """Cut a text into steps, each of which occurs once: repeated pieces grow by what follows them.

    The tags by which servers know thoughts and calls stay steps of their own; of repeated ones, the
    first `<tool_call>` and the last `</tool_call>`. A character that is not ASCII is a step for each
    of its bytes, so that servers see characters that are cut.
    """
    pieces = [part for piece in _PIECE.findall(text) for part in _bytes_apart(piece)]
    first = pieces.index("<tool_call>") if "<tool_call>" in pieces else -1
    last = len(pieces) - 1 - pieces[::-1].index("</tool_call>") if "</tool_call>" in pieces else -1
    steps: list[str] = []
    growing = ""
    for i, piece in enumerate(pieces):
        if piece == "</tool_call>" and i != last:
            growing = steps.pop() + piece
            continue
        is_repeated_tag = piece == "<tool_call>" and i != first
        growing += piece
        if growing not in steps and not (is_repeated_tag and growing == piece):
            steps.append(growing)
            growing = ""
    if growing:
        raise ValueError(f"the text ends with a repetition: {growing!r}")
    return steps


def _bytes_apart(piece: str) -> Iterator[str]:
    """Cut a piece at characters that are not ASCII, which come as the letters of their bytes."""
    for ascii_text, character in re.findall(r"([\x00-\x7f]+)|([^\x00-\x7f])", piece):
        if ascii_text:
            yield ascii_text
        else:
            ((letters, _),) = _BYTES.pre_tokenize_str(character)
            yield from letters


@dataclass(frozen=True)
class ScriptedModel:
    """A model that plays the scripts of a tool format.

    Args:
        tool_format: how its tool calls are written.
        scripts_in: returns the scripts by scene, in a tool format.
    """

    tool_format: ToolFormat
    scripts_in: Callable[[ToolFormat], dict[str, Script]] = scripts

    @property
    def scripts(self) -> dict[str, Script]:
        """The scripts by scene."""
        return self.scripts_in(self.tool_format)

    @property
    def chat_template(self) -> str:
        """The template that begins a prompt with its scene."""
        return chat_template(self.scripts, self.tool_format)

    @cached_property
    def steps(self) -> dict[str, list[tuple[str, list[str]]]]:
        """The texts of each scene, dearest first: what each goes on from, and its steps."""
        return {scene: list(self._texts(script)) for scene, script in self.scripts.items()}

    def _texts(self, script: Script) -> Iterator[tuple[str, list[str]]]:
        yield GENERATION_PROMPT, steps_of(script.thinking())
        yield NO_THOUGHTS, steps_of(script.not_thinking())
        for text in script.variants:
            yield "</think>", steps_of(f"\n\n{text}{END}")
            yield "</think>", steps_of(f"{text}{END}")  # a grammar may refuse the line breaks
            yield NO_THOUGHTS, steps_of(f"{text}{END}")

    @cached_property
    def special(self) -> list[str]:
        """Control tokens, which no answer shows."""
        return ["<|endoftext|>", "<|im_start|>", END, *map(scene_token, self.steps)]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """A byte-level tokenizer without merges, in which each step is one token."""
        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
        made = Tokenizer(
            models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[])
        )
        made.pre_tokenizer = _BYTES
        made.decoder = decoders.ByteLevel()
        made.add_special_tokens([AddedToken(token, special=True) for token in self.special])
        every = (step for texts in self.steps.values() for _, text in texts for step in text)
        steps = [step for step in dict.fromkeys(every) if made.token_to_id(step) is None]
        made.add_tokens([AddedToken(step, special=False, normalized=False) for step in steps])
        return made

    @property
    def hidden(self) -> int:
        """The width of the residual stream: code, code of the scene, scene, is a scene token, bias."""
        return 2 * CODE + len(self.steps) + 2

    @property
    def intermediate(self) -> int:
        """The width of the MLP: a group of units for each scene."""
        return CODE * len(self.steps)

    def weights(self) -> dict[str, np.ndarray]:
        """Compute every tensor, named as Transformers names those of `Qwen3ForCausalLM`."""
        rng = np.random.default_rng(0)
        size, scenes = self.tokenizer.get_vocab_size(), list(self.steps)
        is_scene, bias = self.hidden - 2, self.hidden - 1
        embedding = np.zeros((size, self.hidden), np.float32)
        embedding[:, :CODE] = rng.choice([-1.0, 1.0], (size, CODE))
        embedding[:, bias] = 4.0
        for i, scene in enumerate(scenes):
            token = self._id(scene_token(scene))
            embedding[token, is_scene] = embedding[token, 2 * CODE + i] = 8.0
        signs = rng.choice([-1.0, 1.0], (len(scenes), CODE)).astype(np.float32)
        output = np.zeros((size, self.hidden), np.float32)
        output[:, CODE : 2 * CODE] = self._output(embedding[:, :CODE], signs)
        return {
            "model.embed_tokens.weight": embedding,
            "lm_head.weight": output,
            "model.norm.weight": np.ones(self.hidden, np.float32),
            **{f"model.layers.0.{name}.weight": w for name, w in self._layer(signs).items()},
        }

    def _layer(self, signs: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the one layer: attention adds the scene, the MLP the code with the scene's signs."""
        hidden, is_scene, bias = self.hidden, self.hidden - 2, self.hidden - 1
        query, key, value = (np.zeros((2 * HEAD, hidden), np.float32) for _ in range(3))
        output = np.zeros((hidden, 2 * HEAD), np.float32)
        query[_SLOW, bias] = 1.0
        key[_SLOW, is_scene], key[_SLOW, bias] = 4.0, -1.0
        gate, up = (np.zeros((self.intermediate, hidden), np.float32) for _ in range(2))
        down = np.zeros((hidden, self.intermediate), np.float32)
        places = np.arange(CODE)
        for i in range(len(self.steps)):
            value[i, 2 * CODE + i], output[2 * CODE + i, i] = 1.0, 6.0
            units = i * CODE + places
            gate[units, 2 * CODE + i] = 1.0
            up[units, places] = 1.0
            down[CODE + places, units] = signs[i]
        ones = np.ones(hidden, np.float32)
        return {
            "self_attn.q_proj": query,
            "self_attn.k_proj": key,
            "self_attn.v_proj": value,
            "self_attn.o_proj": output,
            "self_attn.q_norm": np.full(HEAD, 6, np.float32),
            "self_attn.k_norm": np.full(HEAD, 6, np.float32),
            "input_layernorm": ones,
            "post_attention_layernorm": ones,
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": down,
        }

    def _output(self, codes: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """Map each code of a scene to the step behind it, as a perceptron learns it.

        Codes are random, so sums of many disturb each other: what would be chosen wrongly is
        corrected until every step stands out.
        """
        successions = [
            (i, before, tokens)
            for i, scene in enumerate(self.steps)
            for before, tokens in self._successions(scene).items()
        ]
        inputs = np.stack([codes[before] * signs[i] for i, before, _ in successions]) / CODE
        wanted = np.zeros((len(successions), len(codes)), np.float32)
        for line, (_, _, tokens) in enumerate(successions):
            for rank, token in enumerate(tokens):
                wanted[line, token] = 0.6**rank
        weights = np.zeros((len(codes), CODE), np.float32)
        for _ in range(_ROUNDS):
            scores = inputs @ weights.T
            missing = np.where(wanted > 0, wanted - scores, np.minimum(0.0, 0.1 - scores))
            weights += missing.T @ inputs * CODE * 0.5
        return weights

    def _successions(self, scene: str) -> dict[int, list[int]]:
        """Return the tokens that may follow each token of a scene, the usual one first."""
        following: dict[int, list[int]] = {}
        for prompt, steps in self.steps[scene]:
            before = self.tokenizer.encode(prompt).ids[-1]
            for step in steps:
                token = self._id(step)
                if token not in (known := following.setdefault(before, [])):
                    known.append(token)
                before = token
        return following

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        assert found is not None, token
        return found

    def save(self, folder: Path) -> Path:
        """Write the model as Transformers and vLLM load it; return the folder."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.weights(), folder / "model.safetensors", metadata={"format": "pt"})
        self.tokenizer.save(str(folder / "tokenizer.json"))
        _write(folder / "config.json", self.config())
        _write(
            folder / "generation_config.json", {"eos_token_id": self._id(END), "do_sample": False}
        )
        _write(
            folder / "tokenizer_config.json",
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": END,
                "pad_token": "<|endoftext|>",
                "clean_up_tokenization_spaces": False,
                "model_max_length": CONTEXT,
                "chat_template": self.chat_template,
            },
        )
        (folder / "chat_template.jinja").write_text(self.chat_template, "utf-8")
        return folder

    def config(self) -> dict[str, Any]:
        """Describe the model as `config.json` does."""
        return {
            "architectures": ["Qwen3ForCausalLM"],
            "model_type": "qwen3",
            "vocab_size": self.tokenizer.get_vocab_size(),
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": HEAD,
            "max_position_embeddings": CONTEXT,
            "rope_theta": ROPE_THETA,
            "rms_norm_eps": NORM_EPSILON,
            "hidden_act": "silu",
            "attention_bias": False,
            "tie_word_embeddings": False,
            "bos_token_id": None,
            "eos_token_id": self._id(END),
            "pad_token_id": self._id("<|endoftext|>"),
            "torch_dtype": "float32",
        }


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1), "utf-8")
