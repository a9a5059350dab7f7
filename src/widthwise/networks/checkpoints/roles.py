"""What an array of a network is for, told by its name."""

import re
from collections.abc import Mapping

from widthwise.numerics.choices import check_choice

ROLES = (
    "query", "key", "value", "query, key and value", "attention output", "MLP in", "MLP gate",
    "MLP out", "embedding", "position embedding", "convolution", "recurrent input",
    "recurrent state", "output", "dense", "fixed transform", "norm", "bias",
)  # fmt: skip
"""All roles. The last three are no matrices of weights."""

# Searched in this order in the lower-case name, whose parts are joined by dots. Each pattern begins
# at the start of a word (after a dot or an underscore), and ends where a word ends.
_PATTERNS = {
    "fixed transform": r"stft\w* basis_buffer forward_basis\w* inv_freq rotary\w* mel_filter\w* "
    r"mel_basis position_ids masked_bias",
    "bias": r"(bias|b|beta)(_[a-z]{2})?(_l\d+)?$ bias_[a-z]+$",
    "norm": r"([a-z]*norm|ln|bn)[_\da-z]*\.(weight|scale|gamma|running_\w+)$ [a-z]*norm\d*\. ln_f "
    r"[a-z\d]+_bn\. running_(mean|var)$ num_batches_tracked$ gamma$ layer_scale\w*$",
    "query, key and value": r"in_proj_weight c_attn qkv query_key_value wqkv qkv_proj",
    "query": r"query q_proj q_lin wq to_q (self)?(attention|attn)\.q",
    "key": r"key k_proj k_lin wk to_k (self)?(attention|attn)\.k",
    "value": r"value v_proj v_lin wv to_v (self)?(attention|attn)\.v",
    "attention output": r"(attention|attn)\w*\.(output\.dense|[a-z_]*proj|out_lin|dense|out|wo) "
    r"selfattention\.o o_proj out_proj to_out",
    "MLP gate": r"gate_proj mlp\.gate ffn_gate feed_forward\.w1 wi_0",
    "MLP in": r"intermediate\.dense up_proj c_fc fc1 linear1 lin1 dense_h_to_4h wi wi_1 "
    r"feed_forward\.w3 ffn_up",
    "MLP out": r"output\.dense down_proj mlp\.c_proj fc2 linear2 lin2 dense_4h_to_h "
    r"densereludense\.wo feed_forward\.w2 ffn_down",
    "position embedding": r"position_embed\w* pos_embed\w* wpe embed_positions "
    r"relative_attention_bias",
    "embedding": r"[a-z]+_embeddings? embed_tokens wte embed(ding)?s?",
    "recurrent input": r"w(eight)?_ih(_l\d+\w*)?",
    "recurrent state": r"w(eight)?_hh(_l\d+\w*)?",
    "output": r"lm_head classifier head score output_layer pooler\.dense",
    "convolution": r"[a-z_]*conv\w*",
}
_COMPILED = {
    role: re.compile("|".join(rf"(^|[._]){word}(?![a-z\d])" for word in words.split()))
    for role, words in _PATTERNS.items()
}


def role_of(name: str, patterns: Mapping[str, str] | None = None) -> str | None:
    """Return what an array is for, or None where its name does not tell.

    Parameters
    ----------
    name
        The array's name in the checkpoint.
    patterns
        Your own regular expressions and the role of each, searched before ours.

    Raises
    ------
    ValueError
        If a role is not in `ROLES`, or a pattern is no regular expression.

    Examples
    --------
    >>> role_of("encoder.layer.3.attention.self.query.weight")
    'query'
    >>> role_of("model.layers.0.mlp.down_proj.weight"), role_of("body.0.weight")
    ('MLP out', None)
    >>> role_of("body.0.weight", {r"^body": "MLP in"})
    'MLP in'
    """
    for pattern, role in (patterns or {}).items():
        check_choice(f"the role of {pattern!r}", role, ROLES)
        try:
            if re.search(pattern, name):
                return role
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    folded = re.sub(r"[/:\s]+", ".", name).lower()
    return next((role for role, pattern in _COMPILED.items() if pattern.search(folded)), None)
