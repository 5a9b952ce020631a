"""Evaluates code as far as it can be told without running it; the rest becomes a graph."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from modelport.errors import LimitExceeded
from modelport.formats.shared.torch.script import control
from modelport.formats.shared.torch.script.calls import Calls
from modelport.formats.shared.torch.script.emit import Emitter
from modelport.formats.shared.torch.script.library import Library
from modelport.formats.shared.torch.script.values import (
    Dotted,
    Frame,
    Listing,
    Method,
    Named,
    Nothing,
    Raised,
    Stuck,
    Thing,
    Var,
)
from modelport.formats.shared.torch.script_module import plain_class
from modelport.model.graph import Scope
from modelport.wire.torchscript import syntax
from modelport.wire.torchscript.plain import BROKEN

MOST_STEPS = 500_000
DEEPEST = 150
_CONSTANT = re.compile(r"c(\d{1,9})")


class Evaluator:
    """One way through the code of an archive.

    ``constants`` are those of the archive. Steps and depth are limited; whatever is not understood
    is ``Stuck``. ``training`` tells whether a module was asked if it is in training and said yes;
    ``kept`` names the attributes of modules that the code sets, which its next run would see.
    """

    def __init__(self, library: Library, emitter: Emitter, constants: tuple[Any, ...]) -> None:
        self.library = library
        self.emitter = emitter
        self.constants = constants
        self.calls = Calls(self)
        self.steps = 0
        self.depth = 0
        self.training = False
        self.kept: dict[str, None] = {}
        self.journals: list[dict[int, tuple[Any, Any]]] = []
        self._uses: dict[str, int] = {}

    # Functions

    def method(self, thing: Thing, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
        """Call a method of a module or object."""
        function = self.library.method(thing.class_name, name)
        outer = self.emitter.scope
        if thing.path and name.startswith("forward"):
            count = self._uses.get(thing.path, 0)
            self._uses[thing.path] = count + 1
            own = thing.path.rsplit(".", 1)[-1]
            self.emitter.scope = (*outer, Scope(own, plain_class(thing.class_name), count))
        try:
            return self.function(function, thing.class_name, [thing, *args], keywords)
        finally:
            self.emitter.scope = outer

    def function(
        self, function: syntax.Function, owner: str, args: list[Any], keywords: dict[str, Any]
    ) -> Any:
        """Call a function of the code; ``owner`` is the qualified name of its class or its own."""
        frame = Frame(f"{self.library.member(owner)} in {function.name}", {})
        for place, parameter in enumerate(function.parameters):
            if place < len(args):
                frame.variables[parameter.name] = args[place]
            elif parameter.name in keywords:
                frame.variables[parameter.name] = keywords[parameter.name]
            elif parameter.default is not None:
                frame.variables[parameter.name] = self.expression(frame, parameter.default)
            else:
                raise Stuck(f"{function.name} is called without {parameter.name!r}", frame.where)
        self.block(frame, function.body)
        return frame.result

    def block(self, frame: Frame, body: list[syntax.Statement]) -> None:
        """Run statements until one returns."""
        self._enter()
        for place, statement in enumerate(body):
            if frame.returned:
                break
            try:
                self._statement(frame, statement, body[place + 1 :])
            except Stuck as error:
                if not error.where:
                    raise Stuck(error.why, f"{frame.where}, byte {statement.at:,}") from error
                raise
            except BROKEN as error:
                why = f"{type(error).__name__}: {error}"[:300]
                raise Stuck(why, f"{frame.where}, byte {statement.at:,}") from error
        self.depth -= 1

    def _enter(self) -> None:
        self.step()
        self.depth += 1
        if self.depth > DEEPEST:
            raise LimitExceeded(
                self.library.name, resource="depth of code", limit=DEEPEST, actual=self.depth
            )

    def step(self) -> None:
        """Count one step of the evaluation."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise LimitExceeded(
                self.library.name, resource="steps of code", limit=MOST_STEPS, actual=self.steps
            )

    def charge(self, *values: Any) -> None:
        """Count the parts of values that are about to be gone through: they may share theirs."""
        waiting = list(values)
        while waiting:
            self.step()
            value = waiting.pop()
            if isinstance(value, Listing):
                waiting.extend(value.items or ())
            elif isinstance(value, tuple | list):
                waiting.extend(value)
            elif isinstance(value, dict):
                waiting.extend(value.values())

    # Statements

    def _statement(
        self, frame: Frame, statement: syntax.Statement, rest: list[syntax.Statement]
    ) -> None:
        self.step()
        if isinstance(statement, syntax.Assign):
            if statement.value is not None:
                self.assign(frame, statement.target, self.expression(frame, statement.value))
        elif isinstance(statement, syntax.Evaluate):
            self.expression(frame, statement.value)
        elif isinstance(statement, syntax.If):
            control.branch(self, frame, statement, rest)
        elif isinstance(statement, syntax.For):
            control.for_loop(self, frame, statement)
        elif isinstance(statement, syntax.While):
            control.while_loop(self, frame, statement)
        elif isinstance(statement, syntax.With):
            if statement.target:
                frame.variables[statement.target] = None
            self.block(frame, statement.body)
        elif isinstance(statement, syntax.Return):
            value = statement.value
            frame.result = None if value is None else self.expression(frame, value)
            frame.returned = True
        else:
            raise Raised("the code raises an exception")

    def assign(self, frame: Frame, target: syntax.Expression, value: Any) -> None:
        """Give a variable, attribute, item or several of them a value."""
        if isinstance(target, syntax.Name):
            frame.variables[target.id] = value
        elif isinstance(target, syntax.Sequence):
            items = self.items(value, len(target.items))
            if len(items) != len(target.items):
                raise Stuck(f"{len(items)} values for {len(target.items)} variables")
            for part, item in zip(target.items, items, strict=True):
                self.assign(frame, part, item)
        elif isinstance(target, syntax.Attribute):
            thing = self.expression(frame, target.value)
            if not isinstance(thing, Thing):
                raise Stuck(f"an attribute {target.name!r} of what is no object")
            self.changing(thing.attributes)
            thing.attributes[target.name] = value
            if not thing.made:
                self.kept[f"{thing.path}.{target.name}".strip(".")] = None
        elif isinstance(target, syntax.Subscript):
            items = self.expression(frame, target.value)
            self.calls.set_item(items, self.expression(frame, target.index), value)
        else:
            raise Stuck("something that cannot be assigned to")

    def changing(self, items: Any) -> None:
        """Remember a list or dict as it is, where control flow has to know it later."""
        if self.journals and id(items) not in self.journals[-1]:
            self.journals[-1][id(items)] = (items, control.saved(items))

    def items(self, value: Any, count: int | None) -> list[Any]:
        """The items of a list or tuple; ``count`` is how many are asked for."""
        if isinstance(value, Listing):
            if value.items is not None:
                return list(value.items)
            value = value.var
        if isinstance(value, tuple | list | dict | str):
            return list(value)
        if isinstance(value, Var) and not value.weight and count is not None:
            if value.node is not None and len(value.node.outputs) == 1:
                value.node.attributes["call"].setdefault("count", count)
            node = self.emitter.node("prim", "ListUnpack", [value])
            return [self.emitter.output(node) for _ in range(count)]
        raise Stuck(f"the items of a {type(value).__name__}")

    # Expressions

    def expression(self, frame: Frame, written: syntax.Expression) -> Any:
        """The value of an expression."""
        self._enter()
        found = self._EVALUATE[type(written)](self, frame, written)
        self.depth -= 1
        return found

    def _literal(self, frame: Frame, written: syntax.Literal) -> Any:
        return written.value

    def _name(self, frame: Frame, written: syntax.Name) -> Any:
        if written.id in frame.variables:
            return frame.variables[written.id]
        if written.id in ("inf", "nan"):
            return float(written.id)
        return Dotted(written.id)

    def _attribute(self, frame: Frame, written: syntax.Attribute) -> Any:
        return self.attribute(self.expression(frame, written.value), written.name)

    def attribute(self, value: Any, name: str) -> Any:
        """``value.name``."""
        if isinstance(value, Dotted):
            constant = _CONSTANT.fullmatch(name)
            if value.name == "CONSTANTS" and constant:
                return self.constants[int(constant[1])]
            return Dotted(f"{value.name}.{name}")
        if isinstance(value, Thing):
            return self._of_thing(value, name)
        if isinstance(value, Named) and name in value.names:
            return value[value.names.index(name)]
        if isinstance(value, Nothing):
            raise Stuck(value.why)
        raise Stuck(f"the attribute {name!r} of a {type(value).__name__}")

    def _of_thing(self, thing: Thing, name: str) -> Any:
        if name == "training":
            self.training = self.training or thing.attributes.get(name) is True
            return False
        if thing.state is not None:
            state, thing.state = thing.state, None
            made, thing.made = thing.made, True  # what it sets is no news to the next run
            self.method(thing, "__setstate__", [state], {})
            thing.made = made
        if name in thing.attributes:
            return thing.attributes[name]
        found = self.library.class_(thing.class_name)
        if found is not None and name in found.constants:
            return self.expression(Frame(thing.class_name, {}), found.constants[name])
        return Method(thing, name)

    def _subscript(self, frame: Frame, written: syntax.Subscript) -> Any:
        items = self.expression(frame, written.value)
        if isinstance(items, Dotted):
            return items  # a type
        return self.calls.torch("__getitem__", [items, self.expression(frame, written.index)], {})

    def _call(self, frame: Frame, written: syntax.Call) -> Any:
        function = self.expression(frame, written.function)
        if isinstance(function, Dotted) and function.name in self.calls.typed:
            return self.calls.typed[function.name](frame, written)
        args = [self.expression(frame, item) for item in written.arguments]
        keywords = {key: self.expression(frame, item) for key, item in written.keywords.items()}
        if isinstance(function, Method):
            return self.method(function.thing, function.name, args, keywords)
        if isinstance(function, Thing):
            return self.method(function, "forward", args, keywords)
        if isinstance(function, Dotted):
            return self.calls.named(function.name, args, keywords)
        raise Stuck(f"a call of a {type(function).__name__}")

    def _sequence(self, frame: Frame, written: syntax.Sequence) -> Any:
        items = [self.expression(frame, item) for item in written.items]
        return Listing(items) if written.kind == "[" else tuple(items)

    def _mapping(self, frame: Frame, written: syntax.Mapping) -> Any:
        return {
            self.expression(frame, key): self.expression(frame, value)
            for key, value in zip(written.keys, written.values, strict=True)
        }

    _EVALUATE: ClassVar[dict[type[Any], Callable[..., Any]]] = {
        syntax.Literal: _literal,
        syntax.Name: _name,
        syntax.Attribute: _attribute,
        syntax.Subscript: _subscript,
        syntax.Call: _call,
        syntax.Sequence: _sequence,
        syntax.Mapping: _mapping,
    }
