from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from modelport.dialects.torch.source.wrap import wrap

CALL = "nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1, bias=False)"
QUERY = "query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)"
LINES = [
    "x = self.conv1(x)",
    f"self.conv1 = {CALL}",
    f"x = F.scaled_dot_product_attention({QUERY}, attn_mask=mask)",
    f"value = first_name * second_name + third_long_name * fourth_long_name + {'fifth_name * x'}",
    f"return first_name.reshape(batch, -1).transpose(1, 2) + second_name({QUERY})[0]",
    f"return first_name + second_name({QUERY}, dim=1)",
    f"sizes = {list(range(30))}",
    "message = f'a quite long message with (brackets, and commas)', other_name, another_name",
    f"x = F.interpolate(x, size=({'a_long_name' * 3} // 2, {'b_long_name' * 3} // 2), mode='a')",
]


@pytest.mark.parametrize("depth", [0, 4, 8, 12])
@pytest.mark.parametrize("line", LINES)
def test_a_broken_line_means_the_same_and_fits(line: str, depth: int) -> None:
    lines = wrap(" " * depth + line)
    assert all(len(found) <= 88 for found in lines)
    text = "\n".join(found[depth:] for found in lines)
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(line))


@pytest.mark.parametrize("line", LINES)
def test_lines_break_where_formatters_break_them(line: str) -> None:
    text = "\n".join(wrap("    " + line.replace("'", '"')))
    code = f"def f():\n{text}\n"
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "88", "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, check=True)
    assert done.stdout == code


def test_what_cannot_be_broken_stays_whole() -> None:
    assert wrap("x" * 100) == ["x" * 100]
