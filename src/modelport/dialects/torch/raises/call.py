"""One call of an ONNX operator as its translation sees it, and the registry of translations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from modelport.dialects.onnx.operands import Operands
from modelport.dialects.onnx.scopes import class_of
from modelport.dialects.torch.source.members import Member
from modelport.dialects.torch.source.sizes import Sizes
from modelport.errors import ConversionError
from modelport.model.dtype import DType
from modelport.model.expression import Expression
from modelport.model.graph import Graph, Node

if TYPE_CHECKING:
    from modelport.dialects.torch.raises.writer import Writer

FAMILIES = (
    "activation",
    "attention",
    "cast",
    "control",
    "convolution",
    "detection",
    "elementwise",
    "generator",
    "indexing",
    "linear",
    "loss",
    "normalization",
    "pool",
    "quantized",
    "rank",
    "recurrent",
    "reduction",
    "sampling",
    "sequence",
    "shape",
    "signal",
    "slicing",
    "training",
)
"""The files that hold translations: importing them fills the table."""

DOMAIN = "ai.onnx"

Result: TypeAlias = "str | Sizes | Same | Sequence[str | Sizes | Same]"
Translation: TypeAlias = "Callable[[Call], Result | None]"

_TABLE: dict[tuple[str, str], Translation] = {}

TORCH_DTYPES = {
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
    "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8",
    "uint16", "uint32", "uint64", "bool", "complex64", "complex128",
}  # fmt: skip
"""The data types that torch has, under the same names."""
CARRIERS = {
    "int2": "int8", "int4": "int8", "uint2": "uint8", "uint4": "uint8",
    "float4_e2m1fn": "float16",
}  # fmt: skip
"""Types of less than a byte, and those of torch that hold their elements, one in each."""


def raises(*op_types: str, domain: str = DOMAIN) -> Callable[[Translation], Translation]:
    """Register the translation of these operators.

    It returns an expression in Python (a list of them for several outputs), or None where it has
    written its statements itself.
    """

    def register(function: Translation) -> Translation:
        for op_type in op_types:
            _TABLE[domain, op_type] = function
        return function

    return register


@cache
def table() -> dict[tuple[str, str], Translation]:
    """Every translation, by domain and operator."""
    for family in FAMILIES:
        import_module(f"modelport.dialects.torch.raises.{family}")
    return _TABLE


class Same(str):
    """An expression that is another name of an operand, not a new value."""


class Call(Operands):
    """A node with what is known about its operands.

    ``call[0]`` is the first operand as text to write into an expression; absent ones are
    ``None``.
    """

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        self.writer = writer

    def __getitem__(self, index: int) -> str:
        """The operand as a tensor."""
        return self.writer.tensor(self._name(index))

    def number(self, index: int) -> str:
        """The operand as a tensor, or as a plain number where it is a constant that broadcasts."""
        return self.writer.number(self._name(index), self.node)

    def scalar(self, index: int, kind: str) -> str:
        """An operand of one element as a number of Python: ``int``, ``float`` or ``bool``."""
        array = self.array(index)
        if array is not None and array.size == 1:
            item = array.reshape(()).item()
            return f"{({'int': int, 'float': float, 'bool': bool}[kind])(item)}"
        if kind == "int" and self.knows_sizes(index):
            return self.sizes(index).items[0]
        return f"{kind}({self[index]})"

    def sizes(self, index: int) -> Sizes:
        """A vector (or scalar) of whole numbers as Python's integers, each an expression."""
        return self.writer.sizes(self._name(index))

    def knows_sizes(self, index: int) -> bool:
        """Whether ``sizes`` gives integers that need no look into a tensor."""
        return self.has(index) and self.writer.knows_sizes(self._name(index))

    def wanted(self, index: int) -> bool:
        """Whether the node has this output and somebody uses it."""
        outputs = self.node.outputs
        return index < len(outputs) and self.writer.uses(outputs[index]) > 0

    def rank(self, index: int) -> int:
        """The number of axes of an operand.

        Raises:
            ConversionError: it is not known.
        """
        rank = self.known(index).rank
        if rank is None:
            raise self.refused(f"the rank of input {self._name(index)!r} is not known")
        return rank

    def dtype(self, index: int) -> DType:
        """The data type of an operand.

        Raises:
            ConversionError: it is not known.
        """
        dtype = self.known(index).dtype
        if dtype is None:
            raise self.refused(f"the data type of input {self._name(index)!r} is not known")
        return dtype

    def body(self, name: str) -> Graph:
        """A graph among the settings."""
        graph: Graph = self.node.attributes[name]
        return graph

    def axis(self, default: int = 0, *, of: int = 0, name: str = "axis") -> int:
        """A setting that counts axes of an operand, from the front where its rank is known."""
        axis = int(self.attribute(name, default))
        rank = self.known(of).rank
        return axis if rank is None or axis >= 0 else axis + rank

    def module(self, constructor: str, **tensors: Expression | None) -> Member | None:
        """A module that holds ``tensors`` (those that are not None), the same for the same ones.

        None where it cannot be one: a tensor of it belongs to another member already, or others
        stand below its name. Then the call is written with a function.
        """
        held = {role: tensor for role, tensor in tensors.items() if tensor is not None}
        return self.writer.module(constructor, held, self.node)

    def activation(self, module: str, text: str) -> None:
        """The result by a function; by this ``module`` where a chain of modules wants one.

        It is a module, too, where the source had one of this class.
        """
        if module and class_of(self.node) == module.partition("(")[0].removeprefix("nn."):
            member = self.module(module)
            if member is not None:
                text, module = f"{member}({self[0]})", ""
        self.writer.activation(self.node, module, text)

    def several(self, text: str) -> None:
        """One statement that gives all results of the node at once."""
        targets = [self.writer.target(name) for name in self.node.outputs]
        self.writer.let(targets, text)

    def parameter(self, index: int, expression: Expression) -> str:
        """An operand that the file holds, rearranged to ``expression``, as a tensor."""
        return self.writer.parameter(self._name(index), expression)

    def next(self, *op_types: str, output: int = 0) -> Call | None:
        """The call that alone takes a result of this one, where it is one of these operators."""
        node = self.writer.follower(self.node, op_types, output)
        return None if node is None else Call(self.writer, node)

    def users(self) -> list[Call]:
        """The calls that take the first result, each once for each time."""
        return [Call(self.writer, node) for node in self.writer.users(self.node.outputs[0])]

    def producer(self, index: int) -> Call | None:
        """The call that gives an operand."""
        node = self.writer.producer(self._name(index))
        return None if node is None else Call(self.writer, node)

    @property
    def turned(self) -> str | None:
        """The first operand with its first two axes exchanged, where a layer gave it so."""
        return self.writer.turned.get(self._name(0))

    def absorb(self, following: Call) -> None:
        """Let this translation stand for the following call, too."""
        self.writer.absorbed(self.node, following.node)

    def helper(self, text: str) -> str:
        """The name of a private function that stands once in the file, given as its whole text."""
        return self.writer.helper(text)


def torch_dtype(dtype: DType) -> str:
    """A data type as torch calls it, or the one that holds its elements.

    Raises:
        ConversionError: torch has none like it.
    """
    name = CARRIERS.get(dtype.name, dtype.name)
    if name not in TORCH_DTYPES:
        raise ConversionError("", f"torch has no data type {dtype.name}")
    return f"torch.{name}"


def pair(values: Sequence[int]) -> str:
    """Numbers for each axis as torch takes them: one, where all are the same."""
    values = list(values)
    if len(set(values)) == 1:
        return str(values[0])
    return f"({', '.join(map(str, values))})"


def pair_of(axes: Sequence[int]) -> str:
    """Axes as one number or several."""
    return str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"


def arguments(*positional: object, **named: tuple[object, object]) -> str:
    """Arguments of a call; ``named`` give (value, default) and are left out where both agree."""
    texts = [str(item) for item in positional]
    texts += [
        f"{name}={value}" for name, (value, usual) in named.items() if str(value) != str(usual)
    ]
    return ", ".join(texts)
