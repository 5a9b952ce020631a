"""Networks of well-known kinds, exported and converted back to PyTorch, beside themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.frameworks import source_live, torch_live, torch_nets, torch_waves
from tests.frameworks.test_torch_architectures import ROWS

import modelport

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", ROWS)
def test_a_network_comes_back(name: str, tmp_path: Path) -> None:
    home = torch_nets if hasattr(torch_nets, name) else torch_waves
    network: torch.nn.Module = getattr(home, name)().eval()
    inputs, dynamic, others = ROWS[name]
    torch_live.export(network, inputs, tmp_path / "source.pt2", dynamic)
    model = source_live.written(tmp_path / "source.pt2", tmp_path)
    source_live.check(network, model, [inputs, *others])
    own: dict[str, Any] = network.state_dict()
    for key, tensor in model.named_parameters():
        if name != "Recognizer":  # whose recurrent layers are modules of their own now
            assert torch.equal(tensor, own[key]), key
    written = (tmp_path / "written.py").read_text()
    modelport.convert(tmp_path / "source.pt2", tmp_path / "source.onnx", verify=False)
    again = source_live.written(tmp_path / "source.onnx", tmp_path)
    if name != "Operator":  # whose constants are buffers, which ONNX does not tell from weights
        assert (tmp_path / "written.py").read_text() == written
    state = again.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())
