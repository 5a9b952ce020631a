"""The code members of an archive, parsed when something in them is first asked for."""

from __future__ import annotations

from modelport.errors import LimitExceeded, MalformedFile
from modelport.formats.shared.torch.script.values import Stuck
from modelport.wire.torchscript import parse, syntax
from modelport.wire.torchscript.tokens import MAX_BYTES
from modelport.wire.zip import ZipArchive

_MOST_CODE = 64 << 20


class Library:
    """Finds classes and functions by their qualified names; ``version`` is that of the archive.

    ``code`` is the folder that code of classes and functions lies in.
    """

    def __init__(self, archive: ZipArchive, folder: str, version: int, code: str = "code/") -> None:
        self._archive = archive
        self._code = code
        self._own: dict[str, str] = {}
        self._folder = folder
        self._files: dict[str, syntax.File] = {}
        self._left = _MOST_CODE
        self.version = version

    @property
    def name(self) -> str:
        """The archive as errors name it."""
        return self._archive.source.name

    def member(self, qualified: str) -> str:
        """The member that holds the code of a class or function."""
        if qualified in self._own:
            return f"{self._folder}{self._own[qualified]}"
        return f"{self._folder}{self._code}{qualified.rpartition('.')[0].replace('.', '/')}.py"

    def methods(self, class_name: str, member: str) -> None:
        """Let a class have the functions of a member as its methods."""
        self._own[class_name] = member

    def _file(self, qualified: str) -> syntax.File:
        """The code that a class or function stands in; empty where the archive has none."""
        member = self.member(qualified)
        if member not in self._files:
            if member not in self._archive.members:
                return syntax.File()
            size = self._archive.members[member].size
            self._left -= size
            if self._left < 0:
                raise LimitExceeded(
                    self.name, resource="bytes of code", limit=_MOST_CODE, actual=_MOST_CODE + size
                )
            data = self._archive.read(member, MAX_BYTES)
            try:
                self._files[member] = parse(data, f"{self.name}!{member}")
            except MalformedFile as error:
                raise Stuck(str(error)) from error
        return self._files[member]

    def class_(self, name: str) -> syntax.Class | None:
        """A class by its qualified name."""
        if name in self._own:
            return syntax.Class(name, "Module", 0, functions=self._file(name).functions)
        return self._file(name).classes.get(name.rpartition(".")[2])

    def function(self, name: str) -> syntax.Function | None:
        """A function by its qualified name."""
        return self._file(name).functions.get(name.rpartition(".")[2])

    def method(self, class_name: str, name: str) -> syntax.Function:
        """A method of a class."""
        found = self.class_(class_name)
        if found is None or name not in found.functions:
            raise Stuck(f"the archive has no code of {name!r} of {class_name}")
        return found.functions[name]
