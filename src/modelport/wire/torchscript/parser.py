"""A text of TorchScript to its tree: recursive descent, limited in depth.

The text is never given to Python: it is data, and only what torch itself writes is understood.
"""

from __future__ import annotations

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.torchscript import syntax
from modelport.wire.torchscript.tokens import Token, number_value, text_value, tokens

MAX_DEPTH = 100
"""How deep blocks and expressions may lie in each other."""

_CONSTANTS = {"None": None, "True": True, "False": False}


def parse(data: bytes, name: str) -> syntax.File:
    """What a text defines; ``name`` is what errors call it.

    Raises:
        MalformedFile: not what torch writes, at which byte.
        LimitExceeded: a text too large or too deep.
    """
    return _Parser(list(tokens(data, name)), name).file()


class _Parser:
    def __init__(self, words: list[Token], name: str) -> None:
        self.words = words
        self.name = name
        self.place = 0
        self.depth = 0

    # Words

    @property
    def word(self) -> Token:
        return self.words[self.place]

    def take(self) -> Token:
        found = self.words[self.place]
        if found.kind != "end":
            self.place += 1
        return found

    def sees(self, *texts: str) -> bool:
        return self.word.kind in ("sign", "name") and self.word.text in texts

    def accept(self, text: str) -> bool:
        if self.sees(text):
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        if not self.sees(text):
            raise self.refused(repr(text))
        return self.take()

    def kind(self, kind: str, what: str) -> Token:
        if self.word.kind != kind:
            raise self.refused(what)
        return self.take()

    def refused(self, expected: str) -> MalformedFile:
        found = repr(self.word.text[:40]) if self.word.text.strip() else self.word.kind
        return MalformedFile(self.name, offset=self.word.at, expected=expected, found=found)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitExceeded(
                self.name, resource="depth of code", limit=MAX_DEPTH, actual=self.depth
            )

    # Definitions

    def file(self) -> syntax.File:
        found = syntax.File()
        while self.word.kind != "end":
            if self.sees("class"):
                made = self.class_()
                found.classes[made.name] = made
            elif self.sees("def"):
                function = self.function()
                found.functions[function.name] = function
            elif self.accept("import"):  # the first archives name the files they refer to
                self.expression()
                self.kind("line", "the end of the line")
            elif self.word.kind == "name":
                self.statement()  # op_version_set = 1
            else:
                raise self.refused("a class or function")
        return found

    def class_(self) -> syntax.Class:
        at = self.expect("class").at
        made = syntax.Class(self.kind("name", "the name of a class").text, "", at)
        if self.accept("("):
            if not self.sees(")"):
                made.base = self.kind("name", "the name of a class").text
            self.expect(")")
        self.expect(":")
        self.kind("line", "the end of the line")
        if self.word.kind != "indent":
            return made
        self.take()
        while self.word.kind != "dedent":
            if self.sees("def"):
                function = self.function()
                made.functions[function.name] = function
            else:
                self.field(made)
        self.take()
        return made

    def field(self, made: syntax.Class) -> None:
        """``name : type``, ``name : Final[type] = value``, ``__annotations__["0"] = type``."""
        if self.accept("pass"):
            self.kind("line", "the end of the line")
            return
        found = self.statement()
        if not isinstance(found, syntax.Assign):
            raise self.refused("a field of a class")
        target = found.target
        if isinstance(target, syntax.Name):
            if found.type is not None:
                made.types[target.id] = found.type
            if found.value is not None:
                made.constants[target.id] = found.value
        elif (
            isinstance(target, syntax.Subscript)
            and isinstance(target.index, syntax.Literal)
            and found.value is not None
        ):
            made.types[str(target.index.value)] = found.value

    def function(self) -> syntax.Function:
        at = self.expect("def").at
        name = self.kind("name", "the name of a function").text
        self.expect("(")
        parameters = []
        while not self.sees(")"):
            if not self.accept("*"):
                parameters.append(self.parameter())
            if not self.accept(","):
                break
        self.expect(")")
        returns = self.expression() if self.accept("->") else None
        return syntax.Function(name, parameters, returns, self.block(), at)

    def parameter(self) -> syntax.Parameter:
        name = self.kind("name", "the name of a parameter").text
        kind = self.expression() if self.accept(":") else None
        default = self.expression() if self.accept("=") else None
        return syntax.Parameter(name, kind, default)

    # Statements

    def block(self) -> list[syntax.Statement]:
        self.expect(":")
        self.kind("line", "the end of the line")
        if self.word.kind != "indent":  # torch writes a comment alone where nothing is done
            return []
        self.take()
        self.deeper()
        found = []
        while self.word.kind != "dedent":
            if self.accept("pass"):
                self.kind("line", "the end of the line")
            else:
                found.append(self.statement())
        self.take()
        self.depth -= 1
        return found

    def statement(self) -> syntax.Statement:
        at = self.word.at
        if self.word.kind == "name":
            if self.accept("if"):
                return self.if_(at)
            if self.accept("for"):
                target = self.targets()
                self.expect("in")
                return syntax.For(target, self.expression(), self.block(), at)
            if self.accept("while"):
                return syntax.While(self.expression(), self.block(), at)
            if self.accept("with"):
                value = self.expression()
                name = self.kind("name", "a name").text if self.accept("as") else None
                return syntax.With(value, name, self.block(), at)
        found = self.simple(at)
        self.kind("line", "the end of the line")
        return found

    def if_(self, at: int) -> syntax.If:
        test, body = self.expression(), self.block()
        other: list[syntax.Statement] = []
        place = self.word.at
        if self.accept("elif"):
            self.deeper()
            other = [self.if_(place)]
            self.depth -= 1
        elif self.accept("else"):
            other = self.block()
        return syntax.If(test, body, other, at)

    def simple(self, at: int) -> syntax.Statement:
        if self.accept("return"):
            return syntax.Return(None if self.word.kind == "line" else self.targets(), at)
        if self.accept("raise"):
            return syntax.Raise(None if self.word.kind == "line" else self.expression(), at)
        target = self.targets()
        if self.accept(":"):
            kind = self.expression()
            value = self.targets() if self.accept("=") else None
            return syntax.Assign(target, value, at, kind)
        if self.accept("="):
            return syntax.Assign(target, self.targets(), at)
        return syntax.Evaluate(target, at)

    def targets(self) -> syntax.Expression:
        """One expression, or several with commas between (and, as torch writes, after) them."""
        first = self.expression()
        if not self.sees(","):
            return first
        items = [first]
        while self.accept(","):
            if self.word.kind == "line" or self.sees("=", "in", ")"):
                break
            items.append(self.expression())
        return syntax.Sequence("(", items, first.at)

    # Expressions

    def expression(self) -> syntax.Expression:
        self.deeper()
        found = self.atom()
        while True:
            at = self.word.at
            if self.accept("."):
                found = syntax.Attribute(found, self.kind("name", "a name").text, at)
            elif self.accept("("):
                found = self.call(found, at)
            elif self.accept("["):
                found = self.subscript(found, at)
            else:
                break
        self.depth -= 1
        return found

    def subscript(self, value: syntax.Expression, at: int) -> syntax.Expression:
        """``value[index]``, or ``value[start:end]``, which torch 1.3 wrote for ``torch.slice``."""
        items: list[syntax.Expression] = []
        while not self.sees("]", ":"):
            items.append(self.expression())
            if not self.accept(","):
                break
        if self.accept("]"):
            index = items[0] if len(items) == 1 else syntax.Sequence("(", items, at)
            return syntax.Subscript(value, index, at)
        self.expect(":")
        end = syntax.Literal(None, at) if self.sees("]") else self.expression()
        self.expect("]")
        start = items[0] if items else syntax.Literal(None, at)
        function = syntax.Attribute(syntax.Name("torch", at), "slice", at)
        return syntax.Call(function, [value, start, end], {}, at)

    def items(self, close: str) -> list[syntax.Expression]:
        found = []
        while not self.sees(close):
            found.append(self.expression())
            if not self.accept(","):
                break
        self.expect(close)
        return found

    def call(self, function: syntax.Expression, at: int) -> syntax.Call:
        made = syntax.Call(function, [], {}, at)
        while not self.sees(")"):
            value = self.expression()
            if isinstance(value, syntax.Name) and self.accept("="):
                made.keywords[value.id] = self.expression()
            else:
                made.arguments.append(value)
            if not self.accept(","):
                break
        self.expect(")")
        return made

    def atom(self) -> syntax.Expression:
        word = self.word
        if word.kind == "number":
            self.take()
            return self.number(word, 1)
        if word.kind == "text":
            self.take()
            return syntax.Literal(text_value(word.text), word.at)
        if word.kind == "name":
            self.take()
            if word.text in _CONSTANTS:
                return syntax.Literal(_CONSTANTS[word.text], word.at)
            return syntax.Name(word.text, word.at)
        if self.accept("-"):
            if self.word.kind == "number":
                return self.number(self.take(), -1)
            if self.word.kind == "name" and self.word.text in ("inf", "nan"):
                return syntax.Literal(-float(self.take().text), word.at)
            raise self.refused("a number after the sign")
        if self.accept("("):
            return self.bracketed(word.at)
        if self.accept("["):
            return syntax.Sequence("[", self.items("]"), word.at)
        if self.accept("{"):
            return self.mapping(word.at)
        raise self.refused("an expression")

    def number(self, word: Token, sign: int) -> syntax.Literal:
        try:
            return syntax.Literal(sign * number_value(word.text), word.at)
        except (ValueError, OverflowError) as error:
            raise MalformedFile(
                self.name, offset=word.at, expected="a number", found=str(error)
            ) from error

    def bracketed(self, at: int) -> syntax.Expression:
        if self.accept(")"):
            return syntax.Sequence("(", [], at)
        first = self.expression()
        if self.accept(")"):
            return first
        items = [first]
        while self.accept(","):
            if self.sees(")"):
                break
            items.append(self.expression())
        self.expect(")")
        return syntax.Sequence("(", items, at)

    def mapping(self, at: int) -> syntax.Mapping:
        made = syntax.Mapping([], [], at)
        while not self.sees("}"):
            made.keys.append(self.expression())
            self.expect(":")
            made.values.append(self.expression())
            if not self.accept(","):
                break
        self.expect("}")
        return made
