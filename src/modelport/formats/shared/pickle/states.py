"""What is done to objects after they are made, and which of it acts.

A state sets attributes, or goes to the ``__setstate__`` of a class. Most of those only keep it;
the few of well-known packages that run or load it are told here. Sources: CPython's
``pickle.Unpickler.load_build``, ``torch._utils._set_obj_state``,
``torch.utils.data.datapipes.datapipe``, ``scipy.stats._distn_infrastructure``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelport.formats.shared.pickle.guarded import entries, planted
from modelport.formats.shared.pickle.show import short
from modelport.wire.pickle import Stub

_STATE_AT = {
    "torch._utils._rebuild_parameter_with_state": 3,
    "torch._tensor._rebuild_from_type_v2": 3,
    "torch._tensor._rebuild_from_type": 3,
}
"""Functions that set the attributes of what they make, and which argument says them."""
_LIVE = frozenset(
    {
        "logging.getLogger",
        "builtins.getattr",
        "cloudpickle.cloudpickle.subimport",
        "cloudpickle.cloudpickle_fast.subimport",
    }
)
"""Functions that give what is alive in the loader already, where a state would change it."""
_LOADERS = ("_IterDataPipeSerializationWrapper", "_MapDataPipeSerializationWrapper")
_TEMPLATE = "_parse_arg_template"
_TEMPLATE_LINE = re.compile(r"\s*|def \w+\([\w\s,=.'*-]*\):|\s+return [\w\s,=.'*()-]*")


def acts(stub: Stub, name: str | None) -> Iterator[tuple[str, str]]:
    """The rule and what is done, for each state of an object made by ``name`` that acts."""
    states = list(stub.states)
    if name in _STATE_AT and isinstance(stub.args, tuple):
        states += stub.args[_STATE_AT[name] :][:1]
    for state in states:
        for attribute in planted(state)[:1]:
            yield "PKL-006", f"plants {attribute} in an object"
        if not _known_template(state):
            yield "PKL-008", "gives a distribution of SciPy a text of its own, which is run"
        if name is not None and name.endswith("NDArrayWrapper"):
            yield from _side_file(state)
    if name in _LIVE and (states or stub.items or stub.pairs):
        yield "PKL-003", f"what {name} gives is changed"
    if states and name is not None and name.rsplit(".", 1)[-1] in _LOADERS:
        yield "PKL-008", f"{name} loads the pickle in its state"


def _side_file(state: Any) -> Iterator[tuple[str, str]]:
    """The file that joblib of before 0.10 reads an array from, if it is not beside the pickle."""
    for key, value in entries(state):
        if key == "filename" and not (isinstance(value, str) and re.fullmatch(r"[^/\\:]+", value)):
            yield "PKL-008", f"reads an array from {short(value)}"


def _known_template(state: Any) -> bool:
    """Whether the text that SciPy executes for a distribution is one of those it writes."""
    parts = state if isinstance(state, tuple) else (state,)
    for value in (value for part in parts for key, value in entries(part) if key == _TEMPLATE):
        if not isinstance(value, str):
            return False
        if not all(_TEMPLATE_LINE.fullmatch(line) for line in re.split(r"[\r\n\f\v]", value)):
            return False
    return True
