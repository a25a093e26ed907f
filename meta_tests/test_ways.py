"""Ways of running torch: what one of them changes is found, and the failure says what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch.nn.functional as F

from conformance.cells import Tally
from conformance.divergences import of_ways
from conformance.losses import LOSSES
from conformance.test_ways import check_way
from conformance.ways import WAYS, Passage
from reference import FORMATS
from strategies import Case, Differentiation

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


# A case that shows each record.
SHOWN = {
    "l1_loss-weight-lost": Case(
        "l1_loss",
        FORMATS["float32"],
        {"input": np.zeros(1), "target": np.ones(1), "weight": np.full(1, 3.0), "reduction": "sum"},
    ),
    "nll_loss-gradient-layout": Case(
        "nll_loss",
        FORMATS["float32"],
        {"input": np.zeros((2, 2, 2, 2)), "target": np.zeros((2, 2, 2), np.int64), "reduction": "sum"},
    ),
}


def met(record_id: str, way: str, backward: bool = True) -> dict[str, int]:
    """The records that a case meets in a way."""
    case, ones = SHOWN[record_id], np.ones(1)
    passage = Passage(LOSSES[case.loss], "sum", case.format, "cpu", WAYS[way])
    tally = Tally(str(passage), "way")
    check_way(passage, Differentiation(case, ones, ones, 0), tally, backward)
    return tally.known


@pytest.mark.parametrize(
    ("record", "way"),
    [(record, way) for record in of_ways.DIVERGENCES for way in record.ways],
    ids=lambda value: getattr(value, "id", value),
)
def test_a_record_covers_its_case_and_no_other_fault(
    record: of_ways.Divergence, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert met(record.id, way) == {record.id: 1}
    loss = getattr(F, record.loss)
    calls = iter([0, 1])  # the plain call is right, that of the way is off
    monkeypatch.setattr(F, record.loss, lambda *a, **k: loss(*a, **k) + 0.125 * next(calls))
    with pytest.raises(pytest.fail.Exception, match=f"{record.loss} \\({way}\\)"):
        met(record.id, way, backward=False)


def test_a_lost_weight_is_on_record_also_where_nothing_is_differentiated() -> None:
    assert met("l1_loss-weight-lost", "function_mode", backward=False) == {"l1_loss-weight-lost": 1}
