"""A file is identified by its content, by exactly one format."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.samples import CORPUS, CORPUS_IDS, FILES, FORMATS, SAMPLE_IDS, SAMPLES

from modelport.errors import ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.table import CONTAINERS, container, identify, load


def claims(path: Path) -> list[str]:
    candidate = Candidate(path)
    modules = CONTAINERS[container(candidate)]
    return [found.name for found in map(load, modules) if found.match(candidate)]


def test_every_format_is_in_a_container_under_its_name() -> None:
    modules = [module for group in CONTAINERS.values() for module in group]
    assert [found.name.replace("-", "_") for found in FORMATS] == list(dict.fromkeys(modules))
    twice = {module for module in modules if modules.count(module) > 1}
    # A pickle has no sign of its own and comes in any compression; numpy's arrays also come alone.
    assert twice == {"pickle", "npz"}


@pytest.mark.parametrize(("expected", "path"), SAMPLES, ids=SAMPLE_IDS)
def test_a_sample_belongs_to_its_format_alone(expected: Format, path: Path) -> None:
    assert claims(path) == [expected.name]


@pytest.mark.parametrize("path", CORPUS, ids=CORPUS_IDS)
def test_a_real_file_belongs_to_one_format(path: Path) -> None:
    assert len(claims(path)) == 1


@pytest.mark.parametrize(("expected", "path"), SAMPLES, ids=SAMPLE_IDS)
def test_the_extension_does_not_matter(expected: Format, path: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "model.txt"
    shutil.copy(path, renamed)
    assert identify(Candidate(renamed)).name == expected.name


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"PK", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + bytes(40), b"{}", b"hello " * 99,
     bytes(4096), b"\x80\x04K\x01", b"\x1f\x8b\x08" + bytes(30), b"MZ" + bytes(100)],
)  # fmt: skip
def test_what_is_no_model_ends_in_one_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelportError):
        identify(Candidate(path)).read(Candidate(path))


@pytest.mark.parametrize("place", [512, 1024, 2048])
def test_hdf5_inside_a_zip_at_the_place_of_a_user_block(place: int, tmp_path: Path) -> None:
    import zipfile

    path, name = tmp_path / "a.keras", "model.weights.h5"
    with zipfile.ZipFile(FILES / "keras-v3" / "gru_rmsprop.keras") as source:
        members = {member: source.read(member) for member in source.namelist()}
    with zipfile.ZipFile(path, "w") as made:
        for member in ("config.json", "metadata.json"):
            made.writestr(member, members[member])
        filler = -(made.fp.tell() + 30 + len(name)) % place
        info = zipfile.ZipInfo(name)
        made.writestr(info, members[name])
    whole = path.read_bytes()
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("config.json", members["config.json"] + b" " * filler)
        made.writestr("metadata.json", members["metadata.json"])
        made.writestr(zipfile.ZipInfo(name), members[name])
    assert whole != path.read_bytes() or filler == 0
    assert path.read_bytes().find(b"\x89HDF\r\n\x1a\n") % place == 0
    assert claims(path) == ["keras-v3"]
