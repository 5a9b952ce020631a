"""What operators tell of the tensors they take: how many axes these have, and of what type."""

from __future__ import annotations

import re

SPATIAL = re.compile(
    r"_?(?:slow_|thnn_)?(?:conv_transpose|conv|max_pool|avg_pool|adaptive_avg_pool|lp_pool"
    r"|adaptive_max_pool|max_unpool|fractional_max_pool|reflection_pad|replication_pad"
    r"|upsample_[a-z_]+?)([123])d(?:_with_indices|_aa)?"
)
EXACT = {
    **dict.fromkeys(("bmm", "baddbmm", "lstm", "gru", "rnn_tanh", "rnn_relu"), 3),
    "_pack_padded_sequence": 3,
    **dict.fromkeys(("mm", "addmm", "t"), 2),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "grid_sampler"), 4),
    **dict.fromkeys(("gru_cell", "lstm_cell", "rnn_tanh_cell", "rnn_relu_cell"), 2),
    **dict.fromkeys(("_transformer_encoder_layer_fwd", "_native_multi_head_attention"), 3),
}
STATES = frozenset(
    "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split()
)
"""What takes a state, or a list of them, with as many axes as its input."""
NAMES_AXES = {
    **{"transpose": (1, 2), "swapaxes": (1, 2), "chunk": (2,), "flatten": (1,)},
    **dict.fromkeys(
        "size slice select narrow softmax log_softmax unbind cumsum sort".split(), (1,)
    ),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "std", "var"), (1,)),
}
"""Which arguments of an operator are numbers of axes, which have to be there."""
SUMS = ("addmm", "baddbmm")
"""What takes a summand before what it multiplies."""
POINTWISE = frozenset(
    """
    relu relu6 sigmoid tanh gelu silu hardtanh hardswish hardsigmoid leaky_relu elu selu celu
    softplus softsign mish prelu rrelu threshold log_sigmoid hardshrink softshrink tanhshrink
    dropout feature_dropout alpha_dropout feature_alpha_dropout contiguous clone detach alias
    batch_norm layer_norm group_norm instance_norm softmax log_softmax abs exp log sqrt rsqrt neg
    square sin cos erf clamp clamp_min clamp_max add sub mul div pow to type_as float half rms_norm
    quantize_per_tensor dequantize
    masked_fill where rsub old_div true_divide as_tensor sort
    """.split()
)
SAME_RANK = frozenset(
    "linear transpose permute swapaxes slice narrow cat constant_pad_nd pad flip roll glu matmul "
    "lstm gru rnn_tanh rnn_relu t bmm cumsum pixel_shuffle pixel_unshuffle index_select".split()
)
CHANGES = {"unsqueeze": 1, "select": -1, "embedding": 1, "one_hot": 1}
MOVED = frozenset(
    "reshape view flatten squeeze unsqueeze select slice transpose permute contiguous expand clone "
    "detach t narrow as_tensor to sort".split()
)
WHOLE = {
    **{"embedding": (1,), "embedding_bag": (1, 2), "one_hot": (0,)},
    **{"gather": (2,), "index_select": (2,), "_pack_padded_sequence": (1,)},
}
"""Which arguments of an operator hold whole numbers."""
SUGGESTED = {
    **{"linear": 2, "embedding": 2, "embedding_bag": 2, "layer_norm": 3, "matmul": 2},
    "_pack_padded_sequence": 1,
}
KINDS = re.compile("(_relu|_dynamic|_byte|_4bit)+$")
"""How names of operators with packed weights end."""
MEANT = ("dequantize", "int_repr", "q_scale", "q_zero_point", "size", "dim")
"""What gives no quantised tensor when it is given one."""
GIVE_FLOATS = ("_dynamic", "_byte", "_4bit")
