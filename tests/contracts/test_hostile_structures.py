"""Files that are whole but lie about themselves: every command ends well or in one typed error.

The bytes around a lie are right (checksums, lengths, signatures), so that it is met deep inside a
reader; broken copies of files are in ``test_broken.py``.
"""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import modelport
from modelport.errors import LimitExceeded, ModelportError
from modelport.formats.table import formats

AMOUNT = 40
MOST_SECONDS, MOST_BYTES = 2.0, 200 << 20
TARGETS = sorted({found.extensions[0] for found in formats() if found.write is not None})
WILD = [0, 1, 2, 7, 255, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1]
WILD += [1 << 63, (1 << 64) - 1]
SIGNED = [-(1 << 63), -1, *(value for value in WILD if value < 1 << 63)]


def use(path: Path, folder: Path) -> None:
    """Run the commands over a file, each against the limits."""
    runs: list[Callable[[], object]] = [
        lambda: modelport.inspect(path, tensors=True),
        lambda: modelport.diff(path, path),
    ]
    for ending in TARGETS:
        target = folder / f"out{ending}"
        runs.append(lambda t=target: modelport.convert(path, t, verify=False, overwrite=True))
    for run in runs:
        begun = time.process_time()
        tracemalloc.reset_peak()
        try:
            run()
        except ModelportError as error:
            assert str(error)
        assert time.process_time() - begun < MOST_SECONDS
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES


def npy_header(chance: random.Random) -> bytes:
    descr = chance.choice(
        ["'<f4'", "'|O'", "'<f9'", "'<U99999999'", "'|V0'", "[('a', '<f4')]", "3"]
    )
    extents = [chance.choice(SIGNED) for _ in range(chance.randrange(4))]
    shape = chance.choice([tuple(extents), tuple(extents), (2,) * 40, "x", [2], (True,), ((2,),)])
    order = chance.choice(["True", "False", "0", "None"])
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape!r}, }}"
    if chance.random() < 0.2:
        text = chance.choice(["(" * 5000, "{" * 90, "{'descr': " * 99, "", text * 2, text[:-4]])
    raw = text.encode().ljust(117) + b"\n"
    length = chance.choice([len(raw)] * 6 + [0, 65535])
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", length) + raw + bytes(chance.choice([0, 8, 64]))


def npz(chance: random.Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", chance.choice([0, zipfile.ZIP_DEFLATED])) as archive:
        for name in ("a.npy", "b.npy")[: chance.randrange(1, 3)]:
            archive.writestr(name, npy_header(chance))
    return file.getvalue()


def zipped(chance: random.Random) -> bytes:
    """An archive whose directory says other than its members, or than itself."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", chance.choice([0, zipfile.ZIP_DEFLATED])) as archive:
        for name in ("a.npy", "b.npy", "c.npy")[: chance.randrange(1, 4)]:
            array = io.BytesIO()
            np.save(array, np.arange(64.0))
            with archive.open(name, "w", force_zip64=chance.random() < 0.3) as member:
                member.write(array.getvalue())
    data = bytearray(file.getvalue().replace(b"c.npy", chance.choice([b"b.npy", b"c.npy"])))
    signature, fields = chance.choice(
        [
            (b"PK\x01\x02", {6: 2, 8: 2, 10: 2, 16: 4, 20: 4, 24: 4, 28: 2, 30: 2, 32: 2, 42: 4}),
            (b"PK\x03\x04", {6: 2, 8: 2, 14: 4, 18: 4, 22: 4, 26: 2, 28: 2}),
            (b"PK\x05\x06", {4: 2, 8: 2, 10: 2, 12: 4, 16: 4, 20: 2}),
        ]
    )
    for _ in range(chance.choice([1, 1, 2, 4])):
        field = chance.choice(list(fields))
        value = chance.choice([*WILD, chance.randrange(len(data))])
        place = data.rindex(signature) if chance.random() < 0.5 else data.index(signature)
        width = fields[field]
        data[place + field : place + field + width] = value.to_bytes(8, "little")[:width]
    return bytes(data)


def hdf5(chance: random.Random) -> bytes:
    """A file of every structure, where lengths and addresses are wild or lead in circles."""
    file = io.BytesIO()
    with h5py.File(file, "w", libver=chance.choice(["earliest", "latest"])) as made:
        dense = made.create_group("model_weights/dense")
        dense.create_dataset(
            "kernel", data=np.ones((8, 8), "f4"), chunks=(4, 4), compression="gzip"
        )
        dense["bias"] = np.ones(8, "f4")
        dense["text"] = [b"one", b"two"]
        dense["record"] = np.zeros(3, [("a", "f4"), ("b", "i8", (2,))])
        dense.create_dataset("lists", (2,), h5py.vlen_dtype("i4"))
        dense.create_dataset("filled", (100,), "f4", fillvalue=1.5, chunks=(10,))
        dense.attrs["weight_names"] = ["kernel", "bias"]
        made["model_weights"].attrs["layer_names"] = ["dense"]
        for number in range(20):
            made[f"many/{number}"] = number
    data = bytearray(file.getvalue())
    marks = [b"TREE", b"SNOD", b"HEAP", b"GCOL", b"OHDR", b"FRHP", b"BTHD", b"FHDB", b"\x89HDF"]
    places = [at for mark in marks for at in found(data, mark)]
    for _ in range(chance.choice([1, 1, 2, 5])):
        start = chance.choice(places)
        field = start + 4 + chance.randrange(100)
        width = chance.choice([1, 2, 4, 8, 8])
        value = chance.choice([*WILD, chance.choice(places), chance.choice(places), len(data)])
        data[field : field + width] = value.to_bytes(8, "little")[:width]
    return bytes(data)


def found(data: bytearray, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


def onnx_model(chance: random.Random) -> bytes:
    names = ["x", "w", "y", "z", "", "w" * 300]
    graph = onnx.GraphProto(name=chance.choice(["g", ""]))
    for _ in range(chance.randrange(4)):
        graph.node.append(onnx_node(chance, names, 3))
    for _ in range(chance.randrange(4)):
        graph.initializer.append(tensor(chance, chance.choice(names)))
    for values in (graph.input, graph.output, graph.value_info):
        shape = [chance.choice([1, None, "n", -5, (1 << 63) - 1]) for _ in range(2)]
        values.append(helper.make_tensor_value_info(chance.choice(names), 1, shape))
    if chance.random() < 0.4:
        sparse = graph.sparse_initializer.add(dims=[chance.choice(SIGNED) for _ in range(2)])
        sparse.values.CopyFrom(tensor(chance, "s"))
        sparse.indices.CopyFrom(tensor(chance, "i"))
    opset = helper.make_opsetid(chance.choice(["", "", "my"]), chance.choice([1, 13, 21, -1]))
    model = helper.make_model(graph, opset_imports=[opset], ir_version=chance.choice([1, 3, 8, 10]))
    for name in "FG":
        function = model.functions.add(name=name, domain="my", input=["x"], output=["y"])
        function.node.append(helper.make_node(chance.choice("FG"), ["x"], ["y"], domain="my"))
    return model.SerializeToString()


def onnx_node(chance: random.Random, names: list[str], depth: int) -> onnx.NodeProto:
    kind = chance.choice(["Add", "Loop", "If", "Constant", "F"])
    node = onnx.NodeProto(op_type=kind, domain=chance.choice(["", "my"]))
    node.input.extend(chance.choices(names, k=2))
    node.output.extend(chance.choices(names, k=chance.randrange(3)))
    for name in "abc"[: chance.randrange(4)]:
        attribute = node.attribute.add(name=name, type=chance.randrange(16) % 15)
        attribute.i, attribute.f = chance.choice(SIGNED), 0.5
        attribute.ints.extend(chance.choices(SIGNED, k=3))
        if chance.random() < 0.5:
            attribute.type = 4
            attribute.t.CopyFrom(tensor(chance, "t"))
        elif depth:
            attribute.type = 5
            attribute.g.node.append(onnx_node(chance, names, depth - 1))
            attribute.g.initializer.append(tensor(chance, chance.choice(names)))
    return node


def tensor(chance: random.Random, name: str) -> TensorProto:
    made = TensorProto(name=name, data_type=chance.choice([1, 1, 7, 7, 8, 16, 22, 23, 0, 99]))
    made.dims.extend(chance.choice([[2], [], [0], [4, 1], [chance.choice(SIGNED)], [1] * 40]))
    if chance.random() < 0.6:
        made.raw_data = bytes(chance.choice([0, 2, 4, 8, 16]))
    else:
        made.int64_data.extend(chance.choices(SIGNED, k=2))
    if chance.random() < 0.2:
        made.data_location = TensorProto.EXTERNAL
        offset = str(chance.choice(SIGNED))
        for key, value in {
            "location": chance.choice(["a", "../a", "/a"]),
            "offset": offset,
        }.items():
            made.external_data.add(key=key, value=value)
    return made


MAKERS: dict[str, Callable[[random.Random], bytes]] = {
    "a.npy headers.npz": npz,
    "a directory.npz": zipped,
    "a.h5": hdf5,
    "a.onnx": onnx_model,
}


def test_an_element_of_4_gb(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="earliest") as made:
        made["a"] = np.zeros((), "S1234")
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 1234), struct.pack("<I", (1 << 32) - 8)))
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="one element of /a"):
            modelport.inspect(path)
        use(path, tmp_path)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", MAKERS)
def test_files_that_lie(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    tracemalloc.start()
    try:
        for seed in range(AMOUNT):
            path.write_bytes(MAKERS[name](random.Random(seed)))
            use(path, tmp_path)
    finally:
        tracemalloc.stop()
