"""A file on its way to a format: its bytes, and its container parsed once for all that ask."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from modelport.wire.side_file import SideFile
from modelport.wire.source import ByteSource, FileSource

if TYPE_CHECKING:
    from modelport.formats.format import Format
    from modelport.model.graph import TensorType
    from modelport.wire.hdf5 import HDF5File
    from modelport.wire.zip import ZipArchive

HEAD_BYTES = 4096


class Candidate:
    """An opened file; containers are parsed on first use and shared by all formats that look.

    ``side_files`` are folders outside the model's own that companion files may lie in.
    ``examples`` are the types of inputs that whoever opens the file knows, where it states none.
    ``depth`` is how many archives it lies in.
    """

    def __init__(
        self,
        path: Path,
        side_files: tuple[Path, ...] = (),
        source: ByteSource | None = None,
        *,
        depth: int = 0,
        examples: Mapping[str, TensorType] | None = None,
    ) -> None:
        self.path = path
        self.source: ByteSource = source or FileSource(path)
        self.side_files = side_files
        self.depth = depth
        self.examples = examples or {}

    def beside(self, name: str) -> Candidate:
        """The file that this one calls ``name``; UnsafeFile where it lies outside, see SideFile."""
        folder = self.path.parent
        found = SideFile(str(self.path), folder, name, *self.side_files)
        return Candidate(folder / name, self.side_files, found)

    @cached_property
    def format(self) -> Format:
        """The one format whose content it has, for those whose files lead to others of any.

        Raises:
            UnknownFormat: none; MalformedFile where the container itself is broken.
        """
        from modelport.formats.table import identify  # which itself makes use of candidates

        return identify(self)

    @cached_property
    def head(self) -> bytes:
        """The first bytes of the file, at most ``HEAD_BYTES``."""
        return self.source.read_at(0, min(HEAD_BYTES, self.source.size))

    @cached_property
    def zip(self) -> ZipArchive:
        """The file as a zip archive; MalformedFile where it breaks the rules of zip."""
        from modelport.wire.zip import ZipArchive

        return ZipArchive(self.source)

    @cached_property
    def hdf5(self) -> HDF5File:
        """The file as HDF5; MalformedFile where it breaks the rules of HDF5."""
        from modelport.wire.hdf5 import HDF5File

        return HDF5File(self.source)
