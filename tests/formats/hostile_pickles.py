"""Files whose loading would touch a marker file; built here, loaded only in a child process.

Every payload is harmless: it makes an empty file under the folder it is given, and nothing else.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.formats.hostile_helpers import helped
from tests.formats.pickle_streams import Again, Call, Filled, Name, write

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


def payloads(marker: str) -> dict[str, Any]:
    """What would make the marker, in the many ways of doing so."""
    touch, code = f"touch {marker}", f"open({marker!r}, 'w').close()"
    imported = Call("importlib.import_module", "os")
    built_in = Call("builtins.__import__", "os")
    return {
        "os.system": Call("os.system", touch),
        "posix.system": Call("posix.system", touch),
        "os.popen": Call("os.popen", touch),
        "os.open": Call("os.open", marker, 65),
        "os.mkdir": Call("os.mkdir", marker),
        "subprocess.call": Call("subprocess.call", ["touch", marker]),
        "subprocess.getoutput": Call("subprocess.getoutput", touch),
        "subprocess.Popen as OBJ": Call("subprocess.Popen", ["touch", marker], how="OBJ"),
        "os.system as INST": Call("os.system", touch, how="INST"),
        "eval": Call("builtins.eval", code),
        "exec": Call("builtins.exec", code),
        "python 2 eval": Call("__builtin__.eval", code),
        "open": Call("builtins.open", marker, "w"),
        "io.open": Call("io.open", marker, "w"),
        "io.FileIO": Call("io.FileIO", marker, "w"),
        "codecs.open": Call("codecs.open", marker, "w"),
        "runpy": Call("runpy._run_code", Call("builtins.compile", code, "x", "exec"), {}),
        "timeit": Call("timeit.timeit", code, "pass", Name("time.time"), 1),
        "cProfile": Call("cProfile.run", code),
        "profile": Call("profile.run", code),
        "getattr": Call(Call("builtins.getattr", imported, "system"), touch),
        "import": Call(Call("builtins.getattr", built_in, "system"), touch),
        "attrgetter": Call(Call(Call("operator.attrgetter", "system"), imported), touch),
        "methodcaller": Call(Call("operator.methodcaller", "system", touch), imported),
        "partial": Call(Call("functools.partial", Name("os.system"), touch)),
        "reduce": Call("functools.reduce", Name("os.mkdir"), [marker, 511]),
        "map": Call("builtins.list", Call("builtins.map", Name("os.system"), [touch])),
        "map as NEWOBJ": Call(
            "builtins.set", Call("builtins.map", Name("os.system"), [touch], how="NEWOBJ")
        ),
        "filter": Call("builtins.list", Call("builtins.filter", Name("os.system"), [touch])),
        "groupby": Call("builtins.list", Call("itertools.groupby", [touch], Name("os.system"))),
        "starmap": Call("builtins.list", Call("itertools.starmap", Name("os.system"), [(touch,)])),
        "accumulate": Call(
            "builtins.list", Call("itertools.accumulate", [marker, 511], Name("os.mkdir"))
        ),
        "defaultdict": Call("collections.defaultdict", Name("os.getcwd")),
        "resolve_name": Call(Call("pkgutil.resolve_name", "os:system"), touch),
        "gzip": Call("gzip.GzipFile", marker, "wb"),
        "bz2": Call("bz2.BZ2File", marker, "w"),
        "lzma": Call("lzma.LZMAFile", marker, "w"),
        "zipfile": Call("zipfile.ZipFile", marker, "w"),
        "tarfile": Call("tarfile.TarFile", marker, "w"),
        "sqlite3": Call("sqlite3.connect", marker),
        "shelve": Call("dbm.dumb.open", marker, "c"),
        "logging": Call("logging.FileHandler", marker),
        "tempfile": Call("tempfile.mkstemp", "", "x", str(Path(marker).parent)),
        "shutil": Call("shutil.copyfile", "/dev/null", marker),
        "pathlib": Call(Call("builtins.getattr", Call("pathlib.Path", marker), "touch")),
        "memmap": Call("numpy.memmap", marker, "uint8", "w+", 0, (1,)),
        "numpy save": Call("numpy.save", marker, [1]),
        "numpy savetxt": Call("numpy.savetxt", marker, [1]),
        "nested loads": Call("pickle.loads", write(Call("os.system", touch))),
        "nested private loads": Call("_pickle.loads", write(Call("os.system", touch))),
        "marshal": Call("marshal.dump", 1, Call("builtins.open", marker, "wb")),
        "dotted": Call(Name("os.system", "logging"), touch),
        "makedirs": Call("os.makedirs", marker),
        "planted state": Call(
            "tests_unknown_class.C", how="NEWOBJ", state={"__setstate__": Name("os.system")}
        ),
        "modules": Call(
            "builtins.setattr", Call("builtins.__import__", "sys"), "x", Call("os.system", touch)
        ),
        "reconstructor": Call(
            "copyreg._reconstructor", Call("os.system", touch), Name("builtins.object"), None
        ),
        "newobj": Call(
            "builtins.tuple",
            Call("copyreg.__newobj__", Name("builtins.map"), Name("os.system"), [touch]),
        ),
        "contextlib": Call(
            Call("builtins.getattr", Call("contextlib.ExitStack"), "callback"),
            Name("os.system"),
            touch,
        ),
        "weakref": Call("atexit.register", Name("os.system"), touch),
        "thread": Call("_thread.start_new_thread", Name("os.system"), (touch,)),
        "signal": Call("os.spawnlp", 0, "touch", "touch", marker),
        "execfile": Call("os.posix_spawn", "/usr/bin/touch", ["touch", marker], {}),
        "torch rebuild": Call(
            "torch._tensor._rebuild_from_type_v2",
            Name("os.system"),
            Name("torch.Tensor"),
            (touch,),
            {},
        ),
        "encode": Call("_codecs.encode", "x", "zlib_codec"),
        **given_more(marker),
    }


def given_more(marker: str) -> dict[str, Any]:
    """Code that is harmless with what picklers give it, and acts on what it gets here."""
    touch, code = f"touch {marker}", f"open({marker!r}, 'w').close()"
    system, ordered = Name("os.system"), "collections.OrderedDict"
    cloud, rebuild = "cloudpickle.cloudpickle", "torch._utils._rebuild"
    folder = {"filename": marker, "mode": "w+", "shape": (1,), "dtype": "u1"}
    plant = {"__setstate__": system}
    tensor = Call("torch.FloatTensor")
    parameter = Call(f"{rebuild}_parameter_with_state", tensor, True, Call(ordered), plant)
    typed = (tensor, True, Call(ordered))
    nothing = Call("argparse.Namespace", how="NEWOBJ")
    return {
        "generator": Call("numpy.random._pickle.__generator_ctor", touch, system),
        "random state": Call("numpy.random._pickle.__randomstate_ctor", touch, system),
        "bit generator": Call(
            "numpy.random._pickle.__bit_generator_ctor", Name("tempfile.TemporaryDirectory")
        ),
        "metaclass": Call(f"{cloud}._make_skeleton_class", Name("builtins.exec"), code, {}, {}),
        "metaclass, whole": Call(
            f"{cloud}._make_skeleton_class", Name("builtins.exec"), code, {}, {}, None, None
        ),
        "class hook": Call(
            f"{cloud}._make_skeleton_class",
            *(Name("builtins.type"), "B", (), {"__init_subclass__": system}, None, None),
        ),
        "live function": Call(f"{cloud}._function_setstate", Name("os.getcwd"), ({}, {})),
        "live class": Call(f"{cloud}._class_setstate", Name("argparse.Namespace"), (plant, {})),
        "index": Call("pandas.core.indexes.base._new_Index", Name("numpy.memmap"), folder),
        "dates": Call(
            "pandas.core.indexes.datetimes._new_DatetimeIndex", Name("numpy.memmap"), folder
        ),
        "ball tree": Call(
            "sklearn.neighbors._ball_tree.newObj", Name("tempfile.TemporaryDirectory")
        ),
        "memory": Call("joblib.memory.Memory", marker),
        "side file": Call(
            "joblib.numpy_pickle.NDArrayWrapper", how="NEWOBJ", state={"filename": "/etc/passwd"}
        ),
        "graph of torch.fx": Call(
            "torch.fx.graph_module.reduce_graph_module", {"_code": "def forward(self): ..."}, code
        ),
        "state of a parameter": Again(parameter, touch),
        "state of a type": Again(
            Call(
                "torch._tensor._rebuild_from_type_v2",
                *(Name(f"{rebuild}_parameter"), Name("torch.Tensor"), typed, plant),
            ),
            touch,
        ),
        "data pipe": Call(
            "torch.utils.data.datapipes.datapipe._IterDataPipeSerializationWrapper",
            how="NEWOBJ",
            state=(write(Call("os.system", touch)), False),
        ),
        "distribution": Call(
            "scipy.stats._distn_infrastructure.rv_continuous",
            how="NEWOBJ",
            state={"_parse_arg_template": code},
        ),
        "state as a dict to be": Again(
            Again(nothing, Call(ordered, [("__setstate__", system)])), touch
        ),
        "slots as a dict to be": Again(
            Again(nothing, (None, Call("builtins.dict", [("__setstate__", system)]))), touch
        ),
        "namespace": Again(Call("types.SimpleNamespace", plant), touch),
        "live logger": Call("logging.getLogger", state={"handlers": []}),
        "through a package": Call(Name("os.system", "packaging.tags"), touch),
        "through a package's module": Call(
            Call("builtins.getattr", Name("a.b.os"), "system"), touch
        ),
        "base": Call("copyreg._reconstructor", Name("a.b.C"), Name("logging.FileHandler"), marker),
        "appended": Filled(
            Call("argparse.Namespace", how="NEWOBJ", state={"append": system}), touch
        ),
        "appended, bound": Filled(
            Call(
                "argparse.Namespace",
                how="NEWOBJ",
                state=(None, {"append": Call("functools.partial", system)}),
            ),
            touch,
        ),
        "appended inside": Filled(
            Call(
                "collections.UserList",
                how="NEWOBJ",
                state={"data": Call("argparse.Namespace", how="NEWOBJ", state={"append": system})},
            ),
            touch,
        ),
        "set in a storage": Filled(
            Call("torch.FloatStorage", state={"_setitem": Name("builtins.exec")}),
            pairs=((code, {}),),
        ),
        "interpolation": Call(
            "sklearn.isotonic.IsotonicRegression",
            how="NEWOBJ",
            state={
                "X_thresholds_": code,
                "y_thresholds_": {},
                "_build_f": Name("numpy.testing._private.utils.runstring"),
            },
        ),
        "listener": Call(
            "sklearn.callback._scoring_monitor.ScoringMonitor",
            how="NEWOBJ",
            state={"_log": [], "_listener_handle": None},
        ),
        "base that opens": Call(
            "copyreg._reconstructor", Name("argparse.Namespace"), Name("pandas.ExcelFile"), marker
        ),
        "base that makes a folder": Call(
            "copyreg._reconstructor",
            *(Name("joblib.memory.Memory"), Name("sklearn.datasets._lfw.Memory"), marker),
        ),
        "memmap under another name": Call(
            "sklearn.externals.array_api_compat.numpy.memmap",
            marker,
            "u1",
            "w+",
            0,
            (1,),
            how="NEWOBJ",
        ),
        "text of SymPy": Call(
            "torch.fx.experimental.symbolic_shapes.CeilToInt", code, how="NEWOBJ"
        ),
        "text of SymPy, inside": Call("sympy.core.containers.Tuple", ("x", [code]), how="NEWOBJ"),
        "function of SymPy": Call("sympy.core.sympify.sympify", code),
        "key of a module": Filled(
            Call(
                "torch.nn.modules.container.ParameterDict",
                how="NEWOBJ",
                state={"_key_to_attr": Name("a.b.f"), "_keys": {}},
            ),
            pairs=((code, 1),),
        ),
        "methods of a distribution": Call(
            "scipy.stats._distn_infrastructure.rv_continuous",
            how="NEWOBJ",
            state={"_attach_methods": Name("a.b.f")},
        ),
        "function of a package": Call(
            "torch.optim.sgd.SGD",
            how="NEWOBJ",
            state={
                "defaults": Call(
                    "argparse.Namespace", how="NEWOBJ", state={"setdefault": Name("joblib.load")}
                )
            },
        ),
        "folder of TensorFlow": Call(
            "tensorflow.python.data.experimental.kernel_tests.service.test_base.TempDir",
            how="NEWOBJ",
            state={"_path": str(Path(marker).parent / "nowhere")},
        ),
        "store of Keras": Filled(
            Call("keras.src.saving.saving_lib.ShardedH5IOStore", how="NEWOBJ", state={"a": 1}),
            pairs=(("a", 1),),
        ),
        "hook of a layer": Call(
            "keras.src.layers.core.dense.Dense",
            how="NEWOBJ",
            state=(None, {"_setattr_hook": Name("a.b.f"), "units": 1}),
        ),
        "store of pandas": Filled(
            Call("pandas.io.pytables.HDFStore", how="NEWOBJ", state={"_path": marker}),
            pairs=(("a", 1),),
        ),
        "program of a package": Name("unittest.__main__.main"),
        "bytes of a stub": Call("builtins.bytes", Call("itertools.repeat", 1, 1)),
        "masked": Call(
            "numpy.ma.core._mareconstruct", Name("numpy.memmap"), Name("numpy.ndarray"), (0,), "b"
        ),
    }


def streams(marker: str) -> Iterator[tuple[str, bytes]]:
    """Every payload as a stream, in protocols 0, 2 and 4 where they can say it."""
    for name, payload in (payloads(marker) | helped(marker)).items():
        for protocol in (0, 2, 4):
            if getattr(payload, "how", "") in ("NEWOBJ", "INST") and protocol != 2:
                continue
            yield f"{name} in protocol {protocol}", write([1, {"a": payload}], protocol)


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "second stream": lambda stream: pickle.dumps([1]) + stream,
    "no stop": lambda stream: stream[:-1],
    "broken tail": lambda stream: stream[:-1] + b"\xff\xff",
    "torch zip": lambda stream: _zip({"archive/data.pkl": stream, "archive/version": b"3\n"}),
    "torch zip, hidden": lambda stream: _zip(
        {
            "archive/data.pkl": pickle.dumps({}, 2),
            "archive/version": b"3\n",
            "archive/x.pkl": stream,
        }
    ),
    "torchscript": lambda stream: _zip(
        {"archive/data.pkl": stream, "archive/constants.pkl": b"\x80\x02)."}
    ),
    "torch legacy": lambda stream: _legacy(3, stream),
    "torch legacy, facts": lambda stream: _legacy(2, stream),
    "torch legacy, keys": lambda stream: _legacy(4, stream),
    "torch tar": lambda stream: _tar(stream),
    "npz": lambda stream: _zip({"arr_0.npy": _npy(stream)}),
    "npy": lambda stream: _npy(stream),
    "zip of anything": lambda stream: _zip({"readme.txt": b"text", "a/model.bin": stream}),
    "zip of a packed pickle": lambda stream: _zip({"a.joblib": zlib.compress(stream), "b": b"x"}),
    "zip of an array": lambda stream: _zip({"a.npy": _npy(stream), "b.txt": b"x"}),
    "zip of a torch zip": lambda stream: _zip(
        {"a/model.pt": _zip({"archive/data.pkl": stream, "archive/version": b"3\n"}), "b": b"x"}
    ),
    "zip of a zip": lambda stream: _zip({"a": _zip({"b": _zip({"c": stream})})}),
    "zip of a tar": lambda stream: _zip({"a": _tar(stream)}),
    "torch zip, packed": lambda stream: _zip(
        {"a/data.pkl": pickle.dumps({}, 2), "a/version": b"3\n", "a/x": gzip.compress(stream)}
    ),
    "torch zip, digits": lambda stream: _zip(
        {"a/data.pkl": pickle.dumps({}, 2), "a/version": b"3\n", "a/extra/0": stream}
    ),
    "Keras assets": lambda stream: _zip(
        {"config.json": b"{}", "metadata.json": b"{}", "assets/a/words": stream}
    ),
    "Keras assets, packed": lambda stream: _zip(
        {"config.json": b"{}", "metadata.json": b"{}", "assets/a": bz2.compress(stream)}
    ),
}


def files(marker: str) -> Iterator[tuple[str, bytes]]:
    """At least 120 files: every stream alone, and some in every container."""
    yield from streams(marker)
    for name, payload in list(payloads(marker).items())[:6]:
        stream = write([1, {"a": payload}], 2)
        for container, wrap in CONTAINERS.items():
            yield f"{name} in {container}", wrap(stream)


def _zip(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def _legacy(place: int, stream: bytes) -> bytes:
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [pickle.dumps(part, 2) for part in (LEGACY_MAGIC, 1001, facts, {}, [])]
    parts[place] = stream
    return b"".join(parts)


def _tar(stream: bytes) -> bytes:
    facts = pickle.dumps({"protocol_version": 1000, "little_endian": True}, 2)
    none = pickle.dumps(0, 2)
    members = {"sys_info": facts, "pickle": stream, "tensors": none}
    members["storages"] = none + pickle.dumps([], 2)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def _npy(stream: bytes) -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + stream
