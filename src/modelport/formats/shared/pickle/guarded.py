"""Harmless code that calls, fills or makes what it is given, with what it may be given.

Each of these only keeps or copies what a pickler writes, and acts when a stream gives it something
else: a metaclass that is a function, a class whose constructor opens files, an object that is
already alive in the loader. Sources: ``cloudpickle.cloudpickle``, ``pandas.core.indexes``,
``joblib.memory``, ``torch.fx.graph_module``, ``types``, read for what they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelport.formats.shared.pickle.arguments import Check, anything, every, kinds
from modelport.formats.shared.pickle.known import acts_when_imported, is_territory
from modelport.formats.shared.pickle.names import canonical, package
from modelport.wire.pickle import Reference, Stub

_PLANTED = frozenset(
    "__setstate__ __class__ __reduce__ __reduce_ex__ __getattr__ __getattribute__ __setattr__ "
    "__getstate__ __call__ __del__ __init__ __new__ __builtins__ __globals__ __code__ "
    "__import__ __bases__ __subclasses__ __mro__".split()
)
"""Attributes that make an object act later, and that no pickler writes into a state."""
_CLASS_HOOKS = frozenset(
    {
        *("__init_subclass__", "__subclasshook__", "__prepare__", "__set_name__"),
        *("__mro_entries__", "__class_getitem__"),
    }
)
"""Methods that Python calls while it makes or registers classes."""
_METACLASSES = frozenset(
    "builtins.type abc.ABCMeta enum.EnumMeta enum.EnumType typing.GenericMeta typing._ProtocolMeta "
    "typing.NamedTupleMeta typing._TypedDictMeta torch._C._TensorMeta".split()
)
CLOUDPICKLE = ("cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast")
DILL = ("dill._dill", "dill.dill")
_MAIN = "builtins.__main__"
"""How dill names the variables of the program that loads."""


def entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """The keys and values a mapping will have, also where an object stands for a dict."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, Stub):
        for given in value.args if isinstance(value.args, tuple) else ():
            yield from _given(given)
        yield from value.pairs


def _given(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        pairs = (part for part in value if isinstance(part, list | tuple) and len(part) == 2)
        yield from ((key, held) for key, held in pairs)


def planted(state: Any) -> list[str]:
    """The attributes in a state (a mapping, or the pair of mappings for dict and slots)."""
    parts = state if isinstance(state, tuple) else (state,)
    return [
        key
        for part in parts
        for key, _ in entries(part)
        if isinstance(key, str) and key in _PLANTED
    ]


def _called(value: Any) -> str | None:
    """The name of what made an object."""
    if isinstance(value, Stub) and isinstance(value.callable, Reference):
        return canonical(value.callable)
    return None


def _hooked(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return any(
        isinstance(key, str) and key in _CLASS_HOOKS for part in parts for key, _ in entries(part)
    )


_TYPES = tuple(f"{place}._load_type" for place in DILL)


def _skeleton(args: tuple[Any, ...]) -> bool:
    """A metaclass, a name, classes, what its body holds, and how cloudpickle keeps track."""
    if len(args) < 4 or not isinstance(args[2], tuple):
        return False
    if isinstance(args[0], Reference):
        metaclass = canonical(args[0])
    elif _called(args[0]) in _TYPES and args[0].args == ("type",):
        metaclass = "builtins.type"
    else:
        return False
    if is_territory(metaclass) and metaclass not in _METACLASSES:
        return False
    return isinstance(args[1], str) and not _hooked(args[3])


def _enum(args: tuple[Any, ...]) -> bool:
    return bool(args) and isinstance(args[0], tuple) and not any(map(_hooked, args[1:]))


def _filled(*makers: str) -> Check:
    """First an object that the stream itself has made with one of ``makers``."""

    def check(args: tuple[Any, ...]) -> bool:
        made = bool(args) and _called(args[0]) in names
        return made and not any(map(_hooked, args[1:]))

    names = {f"{place}.{maker}" for place in CLOUDPICKLE for maker in makers}
    return check


def _class_of(package: str) -> Check:
    """First a class of that package or of the user's; its ``__new__`` gets the rest."""

    def check(args: tuple[Any, ...]) -> bool:
        if not args or not isinstance(args[0], Reference):
            return False
        name = canonical(args[0])
        return name.startswith(package) or not is_territory(name)

    return check


def _not_planted(args: tuple[Any, ...]) -> bool:
    return not any(map(planted, args))


def _no_folder(args: tuple[Any, ...]) -> bool:
    """A cache without a folder; with one, making it makes the folder."""
    return args[:1] in ((), (None,))


def _module(args: tuple[Any, ...]) -> bool:
    """A module to import, as naming something in it would import it."""
    return len(args) == 1 and isinstance(args[0], str) and not acts_when_imported(args[0])


def _function(args: tuple[Any, ...]) -> bool:
    """Code, the variables it sees (a dict, or those of the program), and plain facts."""
    seen = args[1] if len(args) > 1 else None
    main = isinstance(seen, Reference) and canonical(seen) == _MAIN
    return isinstance(args[0], Stub) and (seen is None or main or isinstance(seen, dict))


def _type_of(args: tuple[Any, ...]) -> bool:
    """A type of Python by its name."""
    return len(args) == 1 and isinstance(args[0], str)


def _fields(args: tuple[Any, ...]) -> bool:
    """A name, those of the fields, and a module, which is imported to look for the class."""
    return len(args) in (3, 4) and isinstance(args[1], tuple) and _module((args[2],))


def _of_made(args: tuple[Any, ...]) -> bool:
    """An attribute of a cell, function or class that the stream has made."""
    makers = {f"{place}.{name}" for place in DILL for name in _DILL_MAKERS}
    fits = len(args) == 3 and _called(args[0]) in makers and isinstance(args[1], str)
    return fits and args[1] not in _CLASS_HOOKS


def _two_dicts(args: tuple[Any, ...]) -> bool:
    """Two dicts of the stream's own, the first of which gets what the second has."""
    return len(args) == 2 and all(isinstance(value, dict) for value in args)


def _typing(args: tuple[Any, ...]) -> bool:
    """A form of ``typing``, and what stands in its brackets."""
    form = len(args) == 2 and isinstance(args[0], Reference) and canonical(args[0])
    return bool(form) and package(str(form)) == "typing"


_CLOUD: dict[str, Check] = {
    "_make_skeleton_class": _skeleton,
    "_make_skeleton_enum": _enum,
    "_class_setstate": _filled("_make_skeleton_class", "_make_skeleton_enum"),
    "_rehydrate_skeleton_class": _filled("_make_skeleton_class", "_make_skeleton_enum"),
    "_function_setstate": _filled("_make_function"),
    "subimport": _module,
    "_fill_function": _filled("_make_skel_func"),
}

_ARRAYS = frozenset(
    f"numpy._core.{name}"
    for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
)


def _array(args: tuple[Any, ...]) -> bool:
    """An array or number of numpy."""
    return len(args) == 1 and _called(args[0]) in _ARRAYS


_NONE = type(None)
_TENSORFLOW: dict[str, Check] = {
    "tensorflow.python.framework.dtypes.as_dtype": kinds((int, str)),
    "tensorflow.python.framework.tensor_shape.Dimension": kinds((int, _NONE)),
    "tensorflow.python.framework.tensor_shape.TensorShape": kinds((list, tuple, _NONE)),
    **{
        f"tensorflow.python.framework.{place}.TensorSpec": kinds(Stub, Stub, (str, _NONE), least=1)
        for place in ("tensor", "tensor_spec")
    },
    "tensorflow.python.framework.ops.convert_to_tensor": _array,
    "tensorflow.python.module.module.Module": kinds(),
}

_DILL_MAKERS = ("_create_cell", "_create_function", "_create_type", "_create_namedtuple")
_DILL: dict[str, Check] = {
    "_create_function": _function,
    "_create_code": every((int, str, bytes, tuple, Stub)),
    "_create_cell": anything,
    "_create_type": _skeleton,
    "_create_namedtuple": _fields,
    "_import_module": _module,
    "_load_type": _type_of,
    "_setitems": _two_dicts,
}
"""Of ``dill._dill``; its ``_getattr`` evaluates a text, and ``_create_filehandle`` opens files."""

_ENUMS = {
    "torchvision.transforms": "InterpolationMode",
    "torchvision.transforms.functional": "InterpolationMode",
    "torchvision.transforms.transforms": "InterpolationMode",
    "torchvision.tv_tensors._bounding_boxes": "BoundingBoxFormat",
    "torchvision.datapoints._bounding_box": "BoundingBoxFormat",
    "PIL.Image": "Transpose Transform Resampling Dither Palette Quantize",
    "torch.amp.grad_scaler": "OptState",
    "torch.cuda.amp.grad_scaler": "OptState",
    "torch.ao.quantization.observer": "MappingType TorchAODType ZeroPointDomain",
    "torch.ao.quantization.quant_type": "QuantType",
    "torch.quantization.quant_type": "QuantType",
    "torch.distributed._shard.sharded_tensor.metadata": "MEM_FORMAT_ENCODING",
    "torch.distributed.algorithms._checkpoint.checkpoint_wrapper": "CheckpointImpl",
    "torch.distributed.fsdp.api": "BackwardPrefetch ShardingStrategy StateDictType",
    "torch.distributed.fsdp._common_utils": "TrainingState HandleTrainingState",
    "torch.distributed.fsdp._flat_param": "HandleShardingStrategy",
    "torch.nn.parallel.distributed": "_BufferCommHookLocation",
    "torch.nn.utils.parametrizations": "_OrthMaps",
    "torch.serialization": "LoadEndianness",
    "torch.utils.data.datapipes._hook_iterator": "_SnapshotState",
    "torch.utils.data.datapipes.iter.sharding": "SHARDING_PRIORITIES",
}
"""Enumerations of frameworks by their modules; calling one looks a member up by its value."""

GUARDED: dict[str, Check] = {
    **{
        f"{place}.{name}": kinds((int, str))
        for place, names in _ENUMS.items()
        for name in names.split()
    },
    **{f"{place}.{name}": check for place in CLOUDPICKLE for name, check in _CLOUD.items()},
    **{f"{place}.{name}": check for place in DILL for name, check in _DILL.items()},
    "builtins.setattr": _of_made,
    "pandas.core.indexes.base._new_Index": _class_of("pandas."),
    "pandas.core.indexes.datetimes._new_DatetimeIndex": _class_of("pandas."),
    **{
        f"sklearn.{place}.newObj": _class_of("sklearn.")
        for place in (
            *("neighbors._dist_metrics", "metrics._dist_metrics", "neighbors.dist_metrics"),
            *("neighbors._kd_tree", "neighbors._ball_tree", "neighbors.kd_tree"),
            "neighbors.ball_tree",
        )
    },
    **_TENSORFLOW,
    "joblib.memory.Memory": _no_folder,
    "types.SimpleNamespace": _not_planted,
    "operator.getitem": _typing,
}
"""Callable -> which positional arguments leave it harmless."""

SOURCE = frozenset(
    f"torch.fx.graph_module.{name}"
    for name in ("reduce_graph_module", "reduce_deploy_graph_module", "reduce_package_graph_module")
)
"""What runs source code that the stream itself holds: how graphs of torch.fx are restored."""
