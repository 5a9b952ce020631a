"""The text of TorchScript: words, trees, and texts that are none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.errors import LimitExceeded, MalformedFile, ModelportError
from modelport.wire.torchscript import parse, syntax
from modelport.wire.torchscript.plain import BROKEN, PLAIN, Unbounded, evaluate

CODE = b"""class Net(Module):
  __parameters__ = ["weight", ]
  __annotations__["0"] = __torch__.torch.nn.modules.linear.Linear
  weight : Tensor
  scale : Final[float] = 1.0000000000000001e-05
  def forward(self: __torch__.Net,
    x: Tensor,
    mask: Optional[Tensor]=None) -> Tuple[Tensor, int]:
    _0 = annotate(List[Tensor], [])
    a, b, = (x, -1)
    for i in range(torch.size(x, 0)):
      _1 = torch.append(_0, torch.select(x, 0, i))
    if torch.__is__(mask, None):
      pass
    else:
      ops.prim.RaiseException("it is \\303\\244 \\"text\\"\\n")
    while torch.lt(b, 3):
      b = torch.add(b, 1)
    return (torch.stack(_0, dim=0), b)
def free(x: Tensor=None) -> Tensor:
  return CONSTANTS.c0
"""


def test_a_file_of_torch_is_cut_into_its_parts() -> None:
    found = parse(CODE, "code")
    net = found.classes["Net"]
    assert list(found.functions) == ["free"]
    assert list(net.types) == ["0", "weight", "scale"]
    assert isinstance(net.constants["scale"], syntax.Literal)
    assert net.constants["scale"].value == 1e-05
    forward = net.functions["forward"]
    assert [parameter.name for parameter in forward.parameters] == ["self", "x", "mask"]
    kinds = [type(statement).__name__ for statement in forward.body]
    assert kinds == ["Assign", "Assign", "For", "If", "While", "Return"]
    raised = forward.body[3]
    assert isinstance(raised, syntax.If)
    assert isinstance(raised.other[0], syntax.Evaluate)
    call = raised.other[0].value
    assert isinstance(call, syntax.Call)
    assert isinstance(call.arguments[0], syntax.Literal)
    assert call.arguments[0].value == 'it is ä "text"\n'


def test_places_are_bytes() -> None:
    text = "def f() -> str:\n  a = 'ä€'\n  b = ?\n".encode()
    with pytest.raises(MalformedFile) as caught:
        parse(text, "code")
    assert caught.value.offset == text.index(b"?")


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"def f(:\n",
        b"def f() -> int:\n return 1\n   return 2\n",
        b"def f() -> int:\n    return 1\n  return 2\n",
        b"class A(B:\n",
        b"def f() -> int:\n  return lambda: 1\n",
        b"def f() -> int:\n  x = 1 +\n",
        b"import os; os.system('x')\n",
        b"def f() -> int:\n  return 1" + b"0" * 100 + b"\n",
        b"x = (1,\n",
        b"x = 'a\n",
        b"def f() -> int:\n  @x\n",
    ],
)
def test_what_torch_never_writes_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedFile) as caught:
        parse(text, "code")
    assert caught.value.path == "code"
    assert caught.value.offset is not None


@pytest.mark.parametrize(
    "text",
    [
        b"x = " + b"(" * 100_000,
        b"x = " + b"f(" * 5_000 + b")" * 5_000 + b"\n",
        b"".join(b" " * i + b"if x:\n" for i in range(2_000)),
        b"if x:\n  pass\n" + b"elif x:\n  pass\n" * 5_000,
        b"x = a" + b"[a" * 5_000,
    ],
)
def test_depth_is_limited(text: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(LimitExceeded):
        parse(b"def f():\n " + text.replace(b"\n", b"\n ") if text[:2] == b"if" else text, "code")
    assert time.process_time() - begun < 20  # minutes, where it is not noticed in time


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_a_tree_or_one_error(text: bytes) -> None:
    try:
        parse(text, "code")
    except ModelportError as error:
        assert isinstance(error, MalformedFile | LimitExceeded)


@given(
    st.integers(0, len(CODE)),
    st.integers(0, 8),
    st.sampled_from(b"\n :=,()[]{}'\"\\x0.-#".hex(" ").split()),
)
@settings(max_examples=300, deadline=None)
def test_a_changed_text_ends_in_a_tree_or_one_error(at: int, cut: int, byte: str) -> None:
    text = CODE[:at] + bytes.fromhex(byte) + CODE[at + cut :]
    try:
        parse(text, "code")
    except ModelportError as error:
        assert isinstance(error, MalformedFile | LimitExceeded)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 62), 1 << 62)
    | st.floats()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(PLAIN)), st.lists(VALUES, max_size=3))
@settings(max_examples=500, deadline=None)
def test_built_in_functions_give_small_values_or_one_error(name: str, args: list[object]) -> None:
    try:
        found = evaluate(name, args, {})
    except BROKEN:
        return
    if isinstance(found, int):
        assert abs(found) <= 1 << 63


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("pow", [10, 10**9]),
        ("__lshift__", [1, 10**9]),
        ("mul", [[1], 10**9]),
        ("mul", ["x", 10**9]),
        ("range", [10**9]),
        ("mul", [1 << 62, 4]),
        ("format", ["{}" * 200_000, 1]),
    ],
)
def test_values_that_grow_are_refused(name: str, args: list[object]) -> None:
    with pytest.raises(Unbounded):
        evaluate(name, args, {})
