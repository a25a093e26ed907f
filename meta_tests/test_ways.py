"""Ways of running torch: what one of them changes is found, and the failure says what."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_failures import run_broken
from .test_options import pytest_of_the_suite

# A result that breaks mse_loss in one way only, that way, and what the failure says.
BREAKS = [
    ("original(*a, **{**k, 'input': as_if_contiguous(k['input'])})", "stepped", "outside the derived bound"),
    ("(original(*a, **k), around(k['input']).add_(1))[0]", "offset", "memory that input is a view of"),
    ("original(*a, **k).to(None if torch.is_grad_enabled() else torch.float64)", "no_grad", "torch.float64"),
    ("original(*a, **k) * (1 + 2.0**-23 * torch.is_inference_mode_enabled())", "inference_mode", "bits of a"),
    ("as_if_constant(original(*a, **k), torch.get_num_threads() > 1)", "two_threads", "gradient by input"),
]


@pytest.mark.parametrize(("expression", "way", "words"), BREAKS, ids=[row[1] for row in BREAKS])
def test_what_a_way_changes_fails_with_the_reason(
    tmp_path: Path, expression: str, way: str, words: str
) -> None:
    source = (
        "import functools, torch, torch.nn.functional as F\noriginal = F.mse_loss\n"
        "def as_if_contiguous(x):\n"
        "    return x.as_strided(x.shape, torch.empty(x.shape).stride()) if x.numel() > 1 else x\n"
        "def around(x):\n    return torch.empty(0, dtype=x.dtype).set_(x.untyped_storage())\n"
        "def as_if_constant(x, holds):\n    return x.detach() + 0 * x if holds else x\n"
        f"@functools.wraps(original)\ndef broken(*a, **k):\n    return {expression}\n"
        "F.mse_loss = broken\n"
    )
    output = run_broken(tmp_path, source, "mse_loss", f"test_way and {way}")
    assert f"mse_loss ({way})" in output
    assert words in output


def test_a_way_selects_its_tests_and_plain_all_others() -> None:
    options = ["--collect-only", "-q", "--loss", "l1_loss", "--dtype", "float32", "--device", "cpu"]
    chosen = pytest_of_the_suite(*options, "--way", "stepped").stdout
    assert "test_way[l1_loss-stepped-float32-cpu]" in chosen
    assert chosen.count("::test_") == 1
    plain = pytest_of_the_suite(*options, "--way", "plain").stdout
    assert "test_value[" in plain
    assert "test_way[" not in plain


def test_an_unknown_way_ends_in_one_line() -> None:
    run = pytest_of_the_suite("--way", "transpose")
    assert run.returncode == 4
    assert "--way: unknown name 'transpose'; did you mean 'transposed'?" in run.stderr
