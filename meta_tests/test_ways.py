"""Ways of running torch: what one of them changes is found, and the failure says what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conformance.bounds import expect, judge
from conformance.checks.ways import check_way
from conformance.divergences import DIVERGENCES, Divergence, covering
from conformance.divergences.outcomes import Raises
from conformance.losses import LOSSES
from conformance.mismatch import Mismatch
from conformance.tally import Tally
from conformance.ways import WAYS, Passage
from reference import FORMATS, Array
from strategies import Case, Chunking, Differentiation

from .test_failures import run_broken, script_of
from .test_options import pytest_of_the_suite

# A result that breaks mse_loss in one way only, that way, and what the failure says.
BREAKS = [
    ("original(as_if_contiguous(x), y, **k)", "stepped", "outside the derived bound"),
    ("(original(x, y, **k), around(x).add_(1))[0]", "offset", "memory that input is a view of"),
    (
        "original(x, y, **k).to(None if torch.is_grad_enabled() else torch.float64)",
        "no_grad",
        "torch.float64",
    ),
    (
        "original(x, y, **k) * (1 + 2.0**-23 * torch.is_inference_mode_enabled())",
        "inference_mode",
        "bits of a",
    ),
    ("constant(original(x, y, **k), torch.get_num_threads() > 1)", "two_threads", "gradient by input"),
    ("off(original(x, y, **k), functorch.is_batchedtensor(x))", "vmap", "outside the derived bound"),
    ("off(original(x, y, **k), functorch.is_gradtrackingtensor(x))", "func_grad", "gradient by input"),
    (
        "original(x, y, **k).to(torch.bfloat16 if torch.is_autocast_enabled('cpu') else None)",
        "autocast_float16",
        "a result torch.bfloat16",
    ),
    ("constant(original(x, y, **k), torch.compiler.is_compiling())", "compile_eager", "gradient by input"),
    ("original(x, y, **k) + baked(x.sum())", "export", "outside the derived bound"),
    (
        "original(x, y, **k)[None] if x.is_meta else original(x, y, **k)",
        "meta",
        "on meta, and the plain call",
    ),
    ("original(x, y, **k).float() if is_fake(x) else original(x, y, **k).double()", "fake", "torch.float32"),
]
HELP = """
functorch = torch._C._functorch

def as_if_contiguous(x):
    return x.as_strided(x.shape, torch.empty(x.shape).stride())

def around(x):
    return torch.empty(0, dtype=x.dtype).set_(x.untyped_storage())

def constant(x, holds):
    return x.detach() + 0 * x if holds else x

def off(x, holds):
    return x * (1 + 2.0**-18 * holds)

def is_fake(x):
    return isinstance(x, torch._subclasses.FakeTensor)

def baked(x):
    return torch.tensor(float(len(seen))) if seen.append(0) or torch.compiler.is_exporting() else 0
"""
MSE = Case(
    "mse_loss", FORMATS["float32"], {"input": np.eye(2), "target": np.zeros((2, 2)), "reduction": "sum"}
)


@pytest.mark.parametrize(("expression", "way", "words"), BREAKS, ids=[row[1] for row in BREAKS])
def test_what_a_way_changes_fails_with_the_reason(
    expression: str, way: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"torch": torch, "original": F.mse_loss, "seen": []}
    exec(HELP, names)
    broken = eval(f"lambda input, target, **k: (lambda x, y: {expression})(input, target)", names)
    monkeypatch.setattr(F, "mse_loss", broken)
    passage, ones = Passage(LOSSES["mse_loss"], "sum", MSE.format, "cpu", WAYS[way]), np.ones(1)
    with pytest.raises(pytest.fail.Exception) as failure:
        check_way(passage, Differentiation(MSE, ones, ones, 0), Tally(), WAYS[way].differentiates)
    told = str(failure.value)
    assert f"mse_loss ({way})" in told
    assert words in told
    script = script_of(told.split("To reproduce:")[1])
    exec(script, {})
    wrong = capsys.readouterr().out
    monkeypatch.undo()
    exec(script, {})
    right = capsys.readouterr().out
    assert right  # an unbroken torch gives a number
    assert wrong != right


REMEMBERING = """\
kept = []

def way(*x):
    kept.append(function(*x))
    return kept[0]
"""


def test_what_was_called_before_is_called_in_the_script_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    way = replace(WAYS["export"], name="remembering", code=REMEMBERING)
    monkeypatch.setitem(WAYS, way.name, way)
    case = MSE.replacing(input=np.array([[1.0, 2.0], [3.0, 4.0]]))
    passage, ones = Passage(LOSSES["mse_loss"], "sum", case.format, "cpu", way), np.ones(1)
    with pytest.raises(pytest.fail.Exception) as failure:
        check_way(passage, Differentiation(case, ones, ones, 0), Tally(), False)
    told = str(failure.value)
    assert "expected 50.0" in told  # the last sample, twice
    exec(script_of(told.split("To reproduce:")[1]), {})
    assert float(capsys.readouterr().out) == 30.0  # what the first call gave


def test_a_broken_way_fails_in_the_suite(tmp_path: Path) -> None:
    source = (
        "import torch, torch.nn.functional as F\noriginal = F.huber_loss\n"
        "F.huber_loss = lambda *a, **k: original(*a, **k) * (1 + torch.is_inference_mode_enabled())\n"
    )
    assert "huber_loss (inference_mode)" in run_broken(
        tmp_path, source, "huber_loss", "test_way and (inference_mode or no_grad)"
    )


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


# Arguments, beside them the reduction, that show each record of a loss.
ONE, LABEL = np.zeros((1, 2)), np.zeros(1, np.int64)
PAIR, TRIPLE = np.zeros((2, 1)), np.zeros((3, 1))
EMPTY = {"input": np.zeros(0), "target": np.zeros(0), "reduction": "mean"}
WEIGHED = {"input": np.zeros(1), "target": np.ones(1), "weight": np.full(1, 3.0), "reduction": "sum"}
LENGTHS = {"input_lengths": np.ones(1, np.int64), "target_lengths": np.ones(1, np.int64)}
CTC = {"log_probs": np.zeros((1, 1, 2)), "targets": np.ones((1, 1), np.int64)}
CHUNKED = {
    "input": ONE,
    "linear_weight": np.ones((2, 2)),
    "target": LABEL,
    "options": Chunking(allow_retain_graph=True),
}
HINGES = {"input": FORMATS["float32"].nearest(np.array([[0.0, 1.7e38]] * 3)), "reduction": "mean"}
SHOWN: dict[str, dict[str, Any]] = {
    "l1_loss-weight-lost": WEIGHED,
    "nll_loss-gradient-layout": {"input": np.zeros((2, 2, 2, 2)), "target": np.zeros((2, 2, 2), np.int64)},
    "mse_loss-ways-mean-of-nothing": EMPTY,
    "smooth_l1_loss-ways-mean-of-nothing": EMPTY,
    "huber_loss-ways-mean-of-nothing": EMPTY,
    "l1_loss-autocast-weight": WEIGHED,
    "mse_loss-autocast-weight": WEIGHED,
    "binary_cross_entropy_with_logits-decomposed": {"input": np.full(1, -20.0), "target": np.zeros(1)},
    "soft_margin_loss-inductor-gradient": {"input": np.full(1, 20.0), "target": np.ones(1)},
    "multilabel_margin_loss-padding": {"input": ONE, "target": np.array([[0, -1]])},
    "binary_cross_entropy-dynamic-weight": WEIGHED,
    "cross_entropy-dynamic-weight": {"input": ONE, "target": ONE, "weight": np.ones(2)},
    "gaussian_nll_loss-data-dependent": {"input": PAIR[0], "target": PAIR[1], "var": np.ones(1)},
    "ctc_loss-ways-unsupported": {**CTC, **LENGTHS},
    "ctc_loss-func-grad": {**CTC, "input_lengths": (1,), "target_lengths": (1,), "reduction": "mean"},
    "ctc_loss-strided-labels": {
        "log_probs": -np.arange(3.0) * np.ones((1, 2, 1)), "targets": np.array([1, 2]),
        "input_lengths": (1, 1), "target_lengths": (1, 1),
    },
    "linear_cross_entropy-chunked-vmap": CHUNKED,
    "linear_cross_entropy-options-warning": {**CHUNKED, "label_smoothing": 0.5},
    "multi_margin_loss-meta-backward": {"input": ONE, "target": LABEL},
    "multilabel_margin_loss-meta-backward": {"input": ONE, "target": np.array([[0, 1]])},
    **{
        f"multi_margin_loss-bool-margin{suffix}": {"input": ONE, "target": LABEL, "margin": True}
        for suffix in ("", "-not-implemented")
    },
    "multi_margin_loss-ways-overflow": {**HINGES, "target": np.zeros(3, np.int64)},
    "multilabel_margin_loss-ways-overflow": {**HINGES, "target": np.array([[0, 0]] * 3)},
    "multi_margin_loss-ways-shape": {"input": ONE[0], "target": np.array(0), "reduction": "none"},
    "multilabel_margin_loss-ways-shape": {
        "input": ONE[0], "target": np.array([0, 1]), "reduction": "none"
    },
}  # fmt: skip


RECORDS = [
    (record, loss)
    for record in DIVERGENCES
    if "way" in record.of and not record.devices
    for loss in record.losses
]


def of_each(rows: list[tuple[Divergence, str]]) -> pytest.MarkDecorator:
    """Run a test for some records, each of a loss."""
    return pytest.mark.parametrize(
        ("record", "loss"), [pytest.param(*row, id=row[0].name(row[1])) for row in rows]
    )


recorded = of_each(RECORDS)


def shown(record: Divergence, loss: str) -> Case:
    """A case that shows a record of a loss."""
    form = FORMATS["bfloat16" if "autocast" in record.id else "float32"]
    given = {"reduction": "sum", **SHOWN[record.name(loss)]}
    order = [name for name in signature(getattr(F, loss)).parameters if name in given]
    return Case(loss, form, {name: given[name] for name in order})


def met(record: Divergence, loss: str, way: str, backward: bool = True) -> dict[str, int]:
    """The records that a case meets in a way."""
    case, ones = shown(record, loss), np.ones(1)
    passage = Passage(LOSSES[loss], "sum", case.format, "cpu", WAYS[way])
    tally = Tally()
    check_way(passage, Differentiation(case, ones, ones, 0), tally, backward)
    return tally.known


def test_every_record_of_a_way_is_shown() -> None:
    assert {record.name(loss) for record, loss in RECORDS} == set(SHOWN)


@recorded
def test_a_record_explains_its_case_in_every_way_that_it_names(record: Divergence, loss: str) -> None:
    """A record out of force is of a case that conforms here."""
    for way in record.ways:
        if WAYS[way].by_default:
            assert (record.name(loss) in met(record, loss, way)) == record.current, way


# What else might be wrong with the case: numbers that are made of the right ones, and problems.
NUMBERS: dict[str, Callable[[Array], Array]] = {
    "off": lambda right: right + 0.125 * (1 + np.abs(right)),
    "negative": lambda right: -1 - np.abs(right),
    "nan": lambda right: np.full_like(right, np.nan),
    "infinite": lambda right: np.full_like(right, np.inf),
}
PROBLEMS = (
    "memory that input is a view of was changed",
    "raised ValueError: bad luck",
    "raised RuntimeError: something else",
    "raised NotImplementedError: something else",
    "no result",
    "no gradient by another",
    "a result torch.float16 (7,) on cpu, and the plain call gives torch.float32 ()",
    "bits of a value differ: 1.0 instead of 2.0",
)


@recorded
def test_a_record_explains_no_other_fault(record: Divergence, loss: str) -> None:
    case, of = shown(record, loss), LOSSES[loss]
    expected = expect(of, case)
    for way in record.ways:
        common = (of, case, "cpu", way)
        for name, change in NUMBERS.items():
            wrong = change(np.asarray(expected.value, dtype=np.float64))
            worst = judge(wrong, expected)
            # Steps that overflow may give either; memory that nobody wrote may hold anything.
            open_end = record.kind == "overflow" and name in ("nan", "infinite")
            if worst.conforms or open_end or record.kind == "uninitialised":
                continue
            assert covering(Mismatch(*common, "a value", worst, wrong)) is None, (way, name)
        for problem in PROBLEMS:
            if record.kind != "uninitialised" or not problem.startswith("bits"):
                assert covering(Mismatch(*common, problem)) is None, (way, problem)
                # That numbers are right, or just those on record, is no excuse where something else is wrong.
                for numbers in (expected.value, 1.0, 0.0):
                    got = np.broadcast_to(np.asarray(numbers, dtype=np.float64), expected.value.shape)
                    assert covering(Mismatch(*common, problem, observed=got)) is None, (way, problem)


@of_each([row for row in RECORDS if row[0].current and isinstance(row[0].instead, Raises)])
def test_a_record_explains_nothing_in_another_way_or_in_the_plain_call(record: Divergence, loss: str) -> None:
    case, outcome = shown(record, loss), record.instead
    assert isinstance(outcome, Raises)
    problem = f"raised {outcome.exceptions[0]}: {outcome.words[0]}"
    for way in ("functional", *WAYS):
        found = covering(Mismatch(LOSSES[loss], case, "cpu", way, problem))
        assert (found is not None) == (way in record.ways), way


def test_a_lost_weight_is_on_record_also_where_nothing_is_differentiated() -> None:
    (row,) = (row for row in RECORDS if row[0].id == "l1_loss-weight-lost")
    assert met(*row, "function_mode", backward=False) == {"l1_loss-weight-lost": 1}
