"""Write the scripted model as the GGUF file that llama.cpp loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf

from scripted.model import CONTEXT, HEAD, NORM_EPSILON, ROPE_THETA
from scripted.scripts import END

if TYPE_CHECKING:
    from pathlib import Path

    from scripted.model import ScriptedModel

_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def save_gguf(model: ScriptedModel, path: Path) -> Path:
    """Write the model's weights, tokenizer and template into one file; return its path."""
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name(path.stem)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(model.hidden)
    writer.add_block_count(1)
    writer.add_feed_forward_length(model.intermediate)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_freq_base(ROPE_THETA)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    _add_tokenizer(writer, model)
    for name, weight in model.weights().items():
        writer.add_tensor(_gguf_name(name), weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, model: ScriptedModel) -> None:
    ids = model.tokenizer.get_vocab(with_added_tokens=True)
    tokens = sorted(ids, key=lambda token: ids[token])
    letters = set(model.tokenizer.get_vocab(with_added_tokens=False))
    control = set(model.special)
    types = [
        gguf.TokenType.CONTROL
        if token in control
        else gguf.TokenType.NORMAL
        if token in letters
        else gguf.TokenType.USER_DEFINED
        for token in tokens
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    # llama.cpp wants merges; this one joins two letters that no text of ours has side by side.
    writer.add_token_merges(["\u0100 \u0101"])
    writer.add_eos_token_id(ids[END])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(model.chat_template)


def _gguf_name(name: str) -> str:
    module = name.removesuffix(".weight").removeprefix("model.layers.0.")
    block = "" if module in {"model.embed_tokens", "model.norm", "lm_head"} else "blk.0."
    return f"{block}{_NAMES[module]}.weight"
