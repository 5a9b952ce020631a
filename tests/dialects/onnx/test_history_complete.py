"""That no version of any operator is forgotten: held against every schema of the onnx package."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import onnx.defs
import pytest
from onnx import helper

from modelport.dialects.onnx.history import NEWEST
from modelport.dialects.onnx.history.removed import REMOVED
from modelport.dialects.onnx.history.rewriting import STEPS
from modelport.dialects.onnx.history.same import SAME

HISTORY: dict[str, list[onnx.defs.OpSchema]] = defaultdict(list)
for _schema in onnx.defs.get_all_schemas_with_history():
    if _schema.domain == "":
        HISTORY[_schema.name].append(_schema)
CHANGES = [
    (old, new)
    for name in sorted(HISTORY)
    for versions in [sorted(HISTORY[name], key=lambda schema: schema.since_version)]
    for old, new in pairwise(versions)
]
KEYS = {(new.name, new.since_version) for _, new in CHANGES}
IDS = [f"{new.name}-{new.since_version}" for _, new in CHANGES]


def test_the_newest_version_is_known() -> None:
    there = onnx.defs.onnx_opset_version()
    assert there == NEWEST, (
        f"onnx {onnx.__version__} has version {there} of the operators: see what it changes, write "
        "changes or add to same.py, then set NEWEST"
    )


@pytest.mark.parametrize(("old", "new"), CHANGES, ids=IDS)
def test_every_version_is_a_change_or_the_same(old, new) -> None:
    version = new.since_version
    changed = (new.name, version) in STEPS
    same = version in SAME.get(new.name, ())
    assert changed != same, (
        f"{new.name} of version {version} must stand either in same.py, if the nodes of version "
        f"{old.since_version} mean the same in it, or have a change registered with @since"
    )


def test_nothing_is_listed_that_never_was() -> None:
    listed = {(name, version) for name, versions in SAME.items() for version in versions}
    own = {(name, 10) for name in REMOVED} | {("MeanVarianceNormalization", 9)}
    assert listed - KEYS == set()
    assert {*STEPS} - KEYS == own
    assert not {name for name, _ in own} & HISTORY.keys() - {"MeanVarianceNormalization"}


def default(attribute: onnx.defs.OpSchema.Attribute) -> object:
    value = attribute.default_value
    return helper.get_attribute_value(value) if value.name else None


UNCHANGED = [(old, new) for old, new in CHANGES if new.since_version in SAME.get(new.name, ())]


@pytest.mark.parametrize(
    ("old", "new"), UNCHANGED, ids=[f"{new.name}-{new.since_version}" for _, new in UNCHANGED]
)
def test_what_is_called_the_same_takes_every_old_node(old, new) -> None:
    for name, attribute in old.attributes.items():
        later = new.attributes[name]
        assert later.type == attribute.type
        assert default(later) == default(attribute)
        assert attribute.required or not later.required
    assert not any(new.attributes[name].required for name in new.attributes.keys() - old.attributes)
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    for before, after in ((old.inputs, new.inputs), (old.outputs, new.outputs)):
        assert len(after) >= len(before)
        for first, second in zip(before, after, strict=False):
            assert second.option in (first.option, optional)
            assert set(first.types) <= set(second.types)
        assert all(added.option == optional for added in after[len(before) :])
