"""Lists that loops of TorchScript fill, read and change, held against torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from tests.frameworks import script_lists as lists
from tests.frameworks import script_live, torch_live
from torch import nn, randn

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind

pytestmark = pytest.mark.filterwarnings("ignore")

FILLED: dict[str, tuple[nn.Module, tuple[int, ...], tuple[int, ...]]] = {
    "several items a round": (lists.Several(), (3, 4), (5, 4)),
    "nested": (lists.Nested(), (2, 3, 4), (5, 3, 4)),
    "one loop after another": (lists.Twice(), (3, 4), (5, 4)),
    "read while filled": (lists.Looking(), (3, 4), (6, 4)),
    "read by a loop in the loop": (lists.LookingNested(), (2, 3, 4), (3, 3, 4)),
    "read by index": (lists.Reading(), (4, 3), (6, 3)),
    "taken out and set": (lists.Taking(), (5, 3), (7, 3)),
}


def converted(module: nn.Module, folder: Path, **arrays: Any) -> tuple[Any, Any]:
    """A session of the converted script, whose first axis is left open, and the report."""
    source, target = folder / "source.pt", folder / "target.onnx"
    script_live.save(module, [], "script", source)
    files = []
    for count in (2, 3):
        held = {name: np.resize(item, (count, *item.shape[1:])) for name, item in arrays.items()}
        files.append(folder / f"{count}.npz")
        np.savez(files[-1], **{key: held[key] if a.ndim else a for key, a in arrays.items()})
    report = modelport.convert(source, target, verify=False, inputs=files)
    return onnxruntime.InferenceSession(target), report


@pytest.mark.parametrize("name", FILLED)
def test_lists_that_loops_fill_agree_with_torch(name: str, tmp_path: Path) -> None:
    module, *shapes = FILLED[name]
    session, _ = converted(module, tmp_path, x=randn(shapes[0]).numpy())
    for shape in shapes:
        torch_live.compare(module, [randn(shape)], session)


def test_a_list_of_unknown_length_is_given_as_one_tensor(tmp_path: Path) -> None:
    session, report = converted(lists.Given(), tmp_path, x=randn(3, 4).numpy())
    assert Kind.REARRANGED in {change.kind for change in report if "length" in change.why}
    for count in (2, 5):
        x = randn(count, 4)
        found = session.run(None, {"x": x.numpy()})[0]
        torch_live.same(found, torch.stack(lists.Given()(x)))


def test_such_a_list_is_verified(tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    script_live.save(lists.Given(), [], "script", source)
    np.savez(tmp_path / "given.npz", x=randn(3, 4).numpy())
    np.savez(tmp_path / "other.npz", x=randn(4, 4).numpy())
    given = [tmp_path / "given.npz", tmp_path / "other.npz"]
    report = modelport.convert(source, tmp_path / "target.onnx", inputs=given)
    assert report.verification["status"] == "agreed"


def test_one_of_several_tensors_is_chosen_in_a_run(tmp_path: Path) -> None:
    x = randn(3, 4)
    place = np.asarray(1)
    session, _ = converted(lists.Choosing(), tmp_path, x=x.numpy(), place=place)
    for chosen in (0, 1, 2, -1):
        found = session.run(None, {"x": x.numpy(), "place": np.asarray(chosen)})[0]
        torch_live.same(found, lists.Choosing()(x, torch.tensor(chosen)))


def test_a_list_that_begins_empty_cannot_be_read_while_it_is_filled(tmp_path: Path) -> None:
    class Empty(nn.Module):
        def forward(self, x):  # type: ignore[no-untyped-def]
            found: list[torch.Tensor] = []
            for i in range(x.size(0)):
                last = found[-1] if i > 0 else x[0]
                found.append(x[i] + last)
            return torch.stack(found)

    with pytest.raises(ConversionError):
        converted(Empty(), tmp_path, x=randn(3, 4).numpy())
