"""Attention, and what turns positions into rotations."""

from __future__ import annotations

from modelport.dialects.onnx.types.known import DTYPE_OF
from modelport.dialects.torch.raises.call import Call, arguments, raises, torch_dtype
from modelport.model.dtype import FLOAT32, FLOAT64

ATTENTION = '''
def _attention(
    q,
    k,
    v,
    mask=None,
    past=0,
    lengths=None,
    scale=None,
    causal=False,
    softcap=0.0,
    left=-1,
    right=-1,
    dtype=None,
    stage=0,
):
    """Attention, and its scores at one of four stages."""
    scale = math.sqrt(q.shape[-1] ** -0.5 if scale is None else scale)
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    v = v.repeat_interleave(q.shape[1] // v.shape[1], dim=1)
    scores = (q * scale) @ (k.transpose(-1, -2) * scale)
    capped = softcap * torch.tanh(scores / softcap) if softcap else scores
    offset = past if lengths is None else lengths.reshape(-1, 1, 1, 1) - q.shape[2]
    row = torch.arange(q.shape[2], device=q.device).unsqueeze(1) + offset
    column = torch.arange(k.shape[2], device=q.device)
    allowed = torch.ones_like(column <= row)
    if causal:
        allowed = allowed & (column <= row)
    if left >= 0:
        allowed = allowed & (column >= row - left)
    if right >= 0:
        allowed = allowed & (column <= row + right)
    if lengths is not None:
        allowed = allowed & (column < lengths.reshape(-1, 1, 1, 1))
    bias = torch.zeros_like(allowed, dtype=q.dtype).masked_fill(~allowed, -math.inf)
    if mask is not None:
        if mask.dtype == torch.bool:
            mask = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, -math.inf)
        bias = bias + F.pad(mask, (0, k.shape[2] - mask.shape[-1]), value=-math.inf)
    biased = capped + bias
    weights = F.softmax(biased, dim=-1, dtype=dtype).to(q.dtype)
    weights = weights.masked_fill(bias.amax(-1, keepdim=True) == -math.inf, 0)
    return weights @ v, (scores, capped, biased, weights)[stage]
'''
ROTARY = '''
def _rotary_embedding(x, cos, sin, width=0, interleaved=False):
    """The first elements of each head (batch, length, heads, size), rotated in pairs."""
    width = width or x.shape[-1]
    cos, sin = cos.unsqueeze(2), sin.unsqueeze(2)
    turned, rest = x[..., :width], x[..., width:]
    if interleaved:
        first, second = turned[..., ::2], turned[..., 1::2]
    else:
        first, second = turned.chunk(2, dim=-1)
    pair = (first * cos - second * sin, first * sin + second * cos)
    turned = torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1)
    return torch.cat([turned, rest], dim=-1)
'''
LINEAR_ATTENTION = '''
def _linear_attention(q, k, v, heads, state=None, decay=None, beta=None, scale=None):
    """Attention by a state that each step decays and corrects; also the last state."""
    groups, dtype = heads[0] // heads[1], q.dtype
    q = q.float().unflatten(-1, (heads[0], -1))
    k, v = (x.float().unflatten(-1, (heads[1], -1)) for x in (k, v))
    kind = dtype if state is None else state.dtype
    state = (
        k.new_zeros(len(k), heads[1], k.shape[-1], v.shape[-1])
        if state is None
        else state
    )
    state, outputs = state.float(), []
    for step in range(q.shape[1]):
        key, value = k[:, step], v[:, step]
        if decay is not None:
            fade = decay[:, step].float().unflatten(-1, (heads[1], -1))
            state = state * fade.exp().unsqueeze(-1)
        if beta is not None:
            recalled = torch.einsum("bhdm,bhd->bhm", state, key)
            value = beta[:, step].float().unsqueeze(-1) * (value - recalled)
        state = state + key.unsqueeze(-1) * value.unsqueeze(-2)
        read = state.repeat_interleave(groups, dim=1)
        outputs.append(torch.einsum("bhd,bhdm->bhm", q[:, step], read))
    scale = scale or q.shape[-1] ** -0.5
    if not outputs:
        return v.new_zeros(len(q), 0, heads[0] * v.shape[-1]).to(dtype), state.to(kind)
    y = torch.stack(outputs, dim=1).flatten(2) * scale
    return y.to(dtype), state.to(kind)
'''


@raises("Attention")
def attention(call: Call) -> None:
    """Values weighted by how well keys match queries."""
    writer, outputs = call.writer, call.node.outputs
    flat = call.rank(0) == 3
    q, k, v = (_heads(call, index, flat) for index in range(3))
    past = "0"
    if call.has(4):
        k, v = f"torch.cat([{call[4]}, {k}], dim=2)", f"torch.cat([{call[5]}, {v}], dim=2)"
        past = f"{call[4]}.shape[2]"
    if call.wanted(1) or call.wanted(2):
        k, v = (_kept(call, place, text) for place, text in ((1, k), (2, v)))
    plain = _scaled(call, q, k, v)
    if plain is None:
        text = f"{call.helper(ATTENTION)}({_settings(call, q, k, v, past)})"
        if call.wanted(3):
            result = writer.ref()
            writer.let((result, writer.target(outputs[3])), text)
            plain = str(result)
        else:
            plain = f"{text}[0]"
    writer.bind(outputs[0], f"{plain}.transpose(1, 2).flatten(2)" if flat else plain)


def _heads(call: Call, index: int, flat: bool) -> str:
    """An operand as (batch, heads, length, size)."""
    heads = call.attribute("q_num_heads" if index == 0 else "kv_num_heads")
    return f"{call[index]}.unflatten(2, ({heads}, -1)).transpose(1, 2)" if flat else call[index]


def _kept(call: Call, place: int, text: str) -> str:
    """A value that is a result of the node, too."""
    outputs = call.node.outputs
    return str(call.writer.bind(outputs[place] if place < len(outputs) else "", text))


def _scaled(call: Call, q: str, k: str, v: str) -> str | None:
    """Torch's own attention, where it does all that is asked."""
    precision = call.attribute("softmax_precision")
    causal = bool(call.attribute("is_causal", 0))
    if (
        call.attribute("softcap", 0.0)
        or call.has(6)
        or call.wanted(3)
        or call.attribute("left_window_size", -1) >= 0
        or call.attribute("right_window_size", -1) >= 0
        or (causal and (call.has(3) or call.has(4)))
        or not (precision is None or DTYPE_OF[precision] in (FLOAT32, call.dtype(0)))
        or (call.has(3) and not _whole_mask(call))
    ):
        return None
    axis = 1
    heads = [call.attribute("q_num_heads"), call.attribute("kv_num_heads")]
    if heads[0] is None:
        heads = [call.known(0).dim(axis), call.known(1).dim(axis)]
    text = arguments(
        q,
        k,
        v,
        attn_mask=(call[3] if call.has(3) else "", ""),
        is_causal=(causal, False),
        scale=(call.attribute("scale", ""), ""),
        enable_gqa=(heads[0] is None or heads[0] != heads[1], False),
    )
    return f"F.scaled_dot_product_attention({text})"


def _whole_mask(call: Call) -> bool:
    """Whether the mask says something about every key."""
    known = call.known(3)
    if known.rank is None or known.rank < 2:
        return False
    axis = 1 if call.rank(1) == 3 else 2
    keys, past = call.known(1).dim(axis), call.known(4).dim(2) if call.has(4) else 0
    seen = known.dim(-1)
    if isinstance(seen, int) and isinstance(keys, int) and isinstance(past, int):
        return seen == keys + past
    return seen is not None and past == 0 and seen == keys


def _settings(call: Call, q: str, k: str, v: str, past: str) -> str:
    precision = call.attribute("softmax_precision")
    kind = None if precision is None else torch_dtype(DTYPE_OF[precision])
    return arguments(
        q,
        k,
        v,
        mask=(call[3] if call.has(3) else "", ""),
        past=(past, "0"),
        lengths=(call[6] if call.has(6) else "", ""),
        scale=(call.attribute("scale", ""), ""),
        causal=(bool(call.attribute("is_causal", 0)), False),
        softcap=(call.attribute("softcap", 0.0), 0.0),
        left=(call.attribute("left_window_size", -1), -1),
        right=(call.attribute("right_window_size", -1), -1),
        dtype=(kind, None),
        stage=(call.attribute("qk_matmul_output_mode", 0) if call.wanted(3) else 0, 0),
    )


@raises("RotaryEmbedding")
def rotary_embedding(call: Call) -> str:
    """Pairs of elements rotated by angles that positions give."""
    flat = call.rank(0) == 3
    cos, sin = (f"{call[i]}[{call[3]}]" if call.has(3) else call[i] for i in (1, 2))
    x = call[0]
    x = f"{x}.unflatten(2, ({call.attribute('num_heads')}, -1))" if flat else f"{x}.transpose(1, 2)"
    text = arguments(
        x,
        cos,
        sin,
        width=(call.attribute("rotary_embedding_dim", 0), 0),
        interleaved=(bool(call.attribute("interleaved", 0)), False),
    )
    turned = f"{call.helper(ROTARY)}({text})"
    return f"{turned}.flatten(2)" if flat else f"{turned}.transpose(1, 2)"


@raises("LinearAttention")
def linear_attention(call: Call) -> None:
    """Attention by a state that goes from step to step."""
    text = arguments(
        call[0],
        call[1],
        call[2],
        f"({call.attribute('q_num_heads')}, {call.attribute('kv_num_heads')})",
        state=(call[3] if call.has(3) else "", ""),
        decay=(call[4] if call.has(4) else "", ""),
        beta=(call[5] if call.has(5) else "", ""),
        scale=(call.attribute("scale", 0.0), 0.0),
    )
    call.several(f"{call.helper(LINEAR_ATTENTION)}({text})")


@raises("FlexAttention", domain="ai.onnx.preview")
def flex_attention(call: Call) -> None:
    """Attention whose scores and probabilities go through bodies of their own."""
    writer, own = call.writer, call.dtype(0)
    heads = [call.known(index).dim(1) for index in (0, 1)]
    k, v = call[1], call[2]
    if heads[0] is None or heads[0] != heads[1]:
        times = f"{call[0]}.shape[1] // {k}.shape[1]"
        k, v = (f"{text}.repeat_interleave({times}, dim=1)" for text in (k, v))
    precision = call.attribute("softmax_precision")
    wide = FLOAT64 if own is FLOAT64 else FLOAT32
    wide = wide if precision is None else DTYPE_OF[precision]
    there, back = ("", "") if wide is own else (f".to({torch_dtype(t)})" for t in (wide, own))
    scale = call.attribute("scale", f"{call[0]}.shape[-1] ** -0.5")
    scores = f"({call[0]} @ {k}.transpose(-1, -2) * {scale}){there}"
    chances = f"F.softmax({_changed(call, 'score_mod', scores)}, dim=-1)"
    writer.bind(call.node.outputs[0], f"{_changed(call, 'prob_mod', chances)}{back} @ {v}")


def _changed(call: Call, name: str, text: str) -> str:
    """What a body makes of a value; the value where there is none."""
    writer = call.writer
    ref = writer.ref()
    writer.let((ref,), text, inline=True)
    if name not in call.node.attributes:
        return str(ref)
    body = call.body(name)
    with writer.within(body, here=True) as frame:
        frame.refs[body.inputs[0].name] = ref
        writer.write(body)
        return writer.tensor(body.outputs[0].name)
