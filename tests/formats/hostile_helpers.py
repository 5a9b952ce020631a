"""Attacks that leave the call to code which keeps what it is given until the unpickler uses it."""

from __future__ import annotations

from typing import Any

from tests.formats.pickle_streams import Call, Filled, Name


def helped(marker: str) -> dict[str, Any]:
    """What makes the marker by way of objects and packages that look harmless."""
    touch, code = f"touch {marker}", f"open({marker!r}, 'w').close()"
    system, handler = Name("os.system"), Name("logging.FileHandler")
    profile = Call("functools.partial", Name("cProfile.run"), code)
    module = Call("torch.nn.modules.module.Module", how="NEWOBJ", state={"_modules": {}})
    module.state["_modules"]["header_max_count"] = system
    paths = Name("pathlib", "zipfile")
    late = Call("functools.partial", Name("builtins.len"), state=(system, (), {}, {}))
    return {
        "builtins of the program": Call(Name("__builtins__.eval", "__main__"), code),
        "loader of a module": Call(Name("__loader__.set_data", "six"), marker, b"x"),
        "loader of a spec": Call(Name("__spec__.loader.set_data", "six"), marker, b"x"),
        "loader of a module by getattr": Call(
            Call("builtins.getattr", Name("__loader__", "six"), "set_data"), marker, b"x"
        ),
        "package that torch needs": Call("networkx.write_edgelist", Call("networkx.Graph"), marker),
        "package that Keras needs": Call(Name("eval", "six.moves.builtins"), code),
        "policy": _message(system, touch),
        "policy that opens": _message(handler, marker),
        "policy by another name": _message(Name("eval", "six.moves.builtins"), code),
        "policy of a module": _asked(module, touch),
        "policy in a dict": Filled(
            Call("collections.UserDict", how="NEWOBJ", state={"data": _message(handler, "x")}),
            pairs=((marker, 1),),
        ),
        "policy, function late": _message(late, touch),
        "policy, method": _message(Call("types.MethodType", Name("builtins.open"), marker), "w"),
        "policy, static": _message(Call("builtins.staticmethod", system), touch),
        "policy, alias": _message(Call("types.GenericAlias", system, ()), touch),
        "policy, vectorised": _message(Call("numpy.vectorize", system), touch),
        "alias of a module": [
            Call("types.GenericAlias", paths, (), state={"PurePosixPath": handler}),
            Call("pathlib.PurePosixPath", marker),
        ],
        "groups of an optimizer": Call(
            "torch.optim.adam.Adam",
            how="NEWOBJ",
            state={
                "param_groups": [
                    Call(
                        "torch.nn.modules.module.Module",
                        how="NEWOBJ",
                        state={"_modules": {"setdefault": profile}, "_parameters": {}},
                    )
                ],
                "defaults": {},
                "state": {},
            },
        ),
        "child of a module": Filled(
            Call(
                "torch.nn.modules.module.Module",
                how="NEWOBJ",
                state={"_modules": {"append": system}, "_parameters": {}, "_buffers": {}},
            ),
            touch,
        ),
    }


def _message(asked: Any, key: str) -> Any:
    policy = Call("argparse.Namespace", how="NEWOBJ", state={"header_max_count": asked})
    return _asked(policy, key)


def _asked(policy: Any, key: str) -> Any:
    """A message whose policy is asked how many headers of a name there may be."""
    message = Call("email.message.Message", how="NEWOBJ", state={"policy": policy, "_headers": []})
    return Filled(message, pairs=((key, 1),))
