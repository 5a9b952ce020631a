"""Data types in the source: casts, and wider types where torch cannot compute with one."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, torch_dtype
from modelport.model.dtype import UINT64, DType

_METHODS = {
    "bool": "bool", "int32": "int", "int64": "long",
    "float16": "half", "bfloat16": "bfloat16", "float32": "float", "float64": "double",
}  # fmt: skip
_WIDER = {"uint16": "int", "uint32": "long", "uint64": "long"}
"""Types whose elements torch stores but hardly computes with, and the method to a signed one."""

_ORDERED = '''
def _ordered(x):
    """Unsigned 64-bit numbers as signed ones in the same order, and back."""
    lowest = torch.iinfo(torch.int64).min
    if x.dtype == torch.uint64:
        return x.long() ^ lowest
    return (x ^ lowest).to(torch.uint64)
'''


def to(text: str, dtype: DType) -> str:
    """An operand (a name, a call or an expression in brackets) in a data type."""
    name = torch_dtype(dtype).removeprefix("torch.")
    method = _METHODS.get(name)
    return f"{text}.{method}()" if method else f"{text}.to(torch.{name})"


def is_whole(dtype: DType | None) -> bool:
    """Whether elements are integers."""
    return dtype is not None and dtype.kind in ("int", "uint")


class Wide:
    """The operands of a call in a type that torch computes with.

    ``back`` casts a result to the operands' own type. For most types both do nothing. Results
    that wrap around are the same in a wider signed type; where the order of numbers matters,
    ``order`` keeps it for the largest unsigned ones, too.
    """

    def __init__(self, call: Call, operand: int = 0, *, order: bool = False) -> None:
        self.call = call
        self.dtype = call.dtype(operand)
        self.method = _WIDER.get(self.dtype.name)
        self.ordered = order and self.dtype is UINT64

    def __getitem__(self, index: int) -> str:
        """An operand as a tensor."""
        text = self.call[index]
        if self.ordered:
            return f"{self.call.helper(_ORDERED)}({text})"
        return f"{text}.{self.method}()" if self.method else text

    def number(self, index: int) -> str:
        """An operand as a plain number where it is a constant that broadcasts."""
        array = self.call.array(index)
        if self.dtype is UINT64 and (self.ordered or array is None or (array >> 63).any()):
            return self[index]
        text = self.call.number(index)
        return self[index] if self.method and text == self.call[index] else text

    def pair(self) -> tuple[str, str]:
        """Two operands, one of them a tensor."""
        if self.call.array(0) is not None:
            return self.number(0), self[1]
        return self.number(0), self.number(1)

    def back(self, text: str) -> str:
        """A result in the operands' own type."""
        if self.ordered:
            return f"{self.call.helper(_ORDERED)}({text})"
        return f"({text}).to({torch_dtype(self.dtype)})" if self.method else text
