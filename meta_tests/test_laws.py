"""The laws hold of the oracle, fail of losses that break them, and concern a good share of what is drawn."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from conformance.laws import LAWS, Law
from conformance.laws.claim import Call, Comparison, case_of, compare, expected
from conformance.losses import LOSSES
from reference import FORMATS, Array
from strategies import Case, is_real

from .test_failures import HUBER, run_broken, script_of
from .test_options import pytest_of_the_suite

FORM = FORMATS["float32"]
BY_NAME = {law.name: law for law in LAWS}

laws = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)


def comparisons(law: Law, loss: str, run: Callable[[Call], Array], draws: int) -> list[list[Comparison]]:
    """What a law finds in each of some cases; nothing in those that it does not concern."""
    found: list[list[Comparison]] = []

    @seed(0)
    @settings(
        max_examples=draws,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(LOSSES[loss].cases(FORM, "none"))
    def look(case: Case) -> None:
        claim = law.claim(case)
        found.append([] if claim is None else compare(claim, run))

    look()
    return found


def oracle(call: Call) -> Array:
    return np.asarray(expected(call).value)


@laws
def test_the_oracle_obeys_and_a_good_share_of_cases_is_concerned(law: Law) -> None:
    for loss in law.losses:
        found = comparisons(law, loss, oracle, 20)
        assert all(comparison.holds for each in found for comparison in each), loss
        concerned = sum(any(comparison.compared for comparison in each) for each in found)
        assert concerned >= 0.2 * len(found), f"{loss}: {concerned} of {len(found)}"


@laws
def test_a_law_says_what_and_why(law: Law) -> None:
    what, why = (law.claim.__doc__ or "").split("\n\n", 1)
    assert what.endswith(".")
    assert why.strip()


def test_every_law_is_declared_by_losses_and_every_loss_declares_several() -> None:
    assert len(BY_NAME) == len(LAWS)
    for law in LAWS:
        assert set(law.losses) <= set(LOSSES)
        assert len(law.losses) == len(set(law.losses)) > 0
    for loss in LOSSES:
        assert sum(loss in law.losses for law in LAWS) >= 2, loss


def value(case: Case) -> Array:
    return np.asarray(LOSSES[case.loss].oracle(**case.computed))


def reduction(case: Case) -> str:
    return str(case.arguments.get("reduction", "mean"))


def each(case: Case) -> Array:
    return value(case.replacing(reduction="none"))


def scaled_if(condition: Any, case: Case) -> Array:
    """The value, a thousandth too large under a condition."""
    return np.asarray(value(case) * (1 + 1e-3 * np.asarray(condition)))


def mean_by(count: Callable[[int], int]) -> Callable[[Case], Array]:
    """A loss whose mean divides by something else than the number of losses."""

    def broken(case: Case) -> Array:
        losses = each(case)
        with np.errstate(all="ignore"):
            divided = np.asarray(np.sum(losses) / np.float64(count(losses.size)))
        return divided if reduction(case) == "mean" else value(case)

    return broken


def leaves_out_the_last(case: Case) -> Array:
    losses = each(case)
    return np.asarray(np.sum(losses.ravel()[:-1])) if reduction(case) == "sum" else losses


def favours_the_first_sample(case: Case) -> Array:
    losses = each(case)
    wrong = np.array(losses, copy=True)
    wrong.ravel()[:1] *= 1.001
    return wrong if reduction(case) == "none" else np.asarray(getattr(np, reduction(case))(wrong))


def leads(case: Case) -> bool:
    """Whether the first class has a higher score than the last."""
    x = np.moveaxis(case.arguments["input"], -1, 0)
    return bool(np.sum(x[0]) > np.sum(x[-1]))


def with_weights_up_to_one(case: Case) -> Array:
    return value(case.replacing(weight=np.array(np.minimum(case.arguments["weight"], 1))))


def with_the_opposite_margin(case: Case) -> Array:
    return value(case.replacing(margin=-case.arguments["margin"]))


def has_ignored(case: Case) -> bool:
    return bool(np.any(case.arguments["target"] == case.arguments.get("ignore_index", -100)))


# For each law a loss and how it is broken; what else is called, as a loss in terms of which it is, is not.
BROKEN: dict[str, tuple[str, Callable[[Case], Array]]] = {
    "reducing": ("mse_loss", mean_by(lambda n: n + 1)),
    "permuting_the_batch": ("soft_margin_loss", favours_the_first_sample),
    "splitting_the_batch": ("l1_loss", leaves_out_the_last),
    "duplicating_the_batch": ("kl_div", mean_by(lambda n: n - 1)),
    "stacking": ("nll_loss", lambda case: scaled_if(case.arguments["input"].ndim == 1, case)),
    "padding_targets": ("ctc_loss", lambda case: scaled_if(case.arguments["targets"].ndim == 2, case)),
    "permuting_the_classes": ("multi_margin_loss", lambda case: scaled_if(leads(case), case)),
    "shifting_the_logits": (
        "cross_entropy",
        lambda case: scaled_if(np.max(case.arguments["input"], initial=0) > 1, case),
    ),
    "naming_labels_by_one_hot": (
        "cross_entropy",
        lambda case: scaled_if(is_real(case.arguments["target"]), case),
    ),
    "removing_the_ignored": ("nll_loss", lambda case: scaled_if(has_ignored(case), case)),
    "taking_log_softmax_first": ("cross_entropy", lambda case: scaled_if(True, case)),
    "weighing_by_one": ("huber_loss", lambda case: scaled_if("weight" in case.arguments, case)),
    "doubling_the_weights": ("binary_cross_entropy", with_weights_up_to_one),
    "exchanging_the_pair": (
        "l1_loss",
        lambda case: scaled_if(np.any(case.arguments["input"] > case.arguments["target"]), case),
    ),
    "being_non_negative": ("margin_ranking_loss", lambda case: np.asarray(value(case) - 1e-3)),
    "predicting_perfectly": ("smooth_l1_loss", lambda case: np.asarray(value(case) + 1e-3)),
    "widening_the_margin": ("triplet_margin_loss", with_the_opposite_margin),
    "taking_sigmoid_first": ("binary_cross_entropy_with_logits", lambda case: scaled_if(True, case)),
    "scaling_smooth_l1": ("huber_loss", lambda case: scaled_if(True, case)),
    "leaving_the_distance_out": (
        "triplet_margin_with_distance_loss",
        lambda case: scaled_if(True, case),
    ),
}


@laws
def test_a_law_fails_of_a_loss_that_breaks_it(law: Law) -> None:
    loss, broken = BROKEN[law.name]

    def run(call: Call) -> Array:
        return broken(case_of(call)) if case_of(call).loss == loss else oracle(call)

    found = comparisons(law, loss, run, 40)
    assert any(not comparison.holds for each in found for comparison in each)


def test_a_result_of_another_shape_and_an_exception_break_any_law() -> None:
    def raises(call: Call) -> Array:
        raise ZeroDivisionError

    for run, words in ((lambda call: oracle(call)[None], "shape (1,"), (raises, "raised ZeroDivisionError")):
        (found,) = comparisons(BY_NAME["reducing"], "mse_loss", run, 1)
        assert words in found[0].problem


def test_options_select_laws() -> None:
    options = ["--loss", "CTCLoss", "--dtype", "float32", "--device", "cpu", "-k", "test_law"]
    run = pytest_of_the_suite("--collect-only", "-q", *options)
    names = [law.name for law in LAWS if "ctc_loss" in law.losses]
    assert re.findall(r"test_law\[(.*)\]", run.stdout) == [f"{name}-ctc_loss-float32-cpu" for name in names]


def test_a_broken_law_is_told_with_a_script_that_runs(tmp_path: Path) -> None:
    output = run_broken(tmp_path, HUBER, "huber_loss", "test_law and scaling_smooth_l1")
    explanation, rest = output.split("To reproduce:", 1)
    for words in (
        "huber_loss, float32, cpu: a law is broken",
        "Huber loss is delta times smooth L1 loss with beta = delta, if delta is finite.",
        "relation each_huber == delta * each_smooth",
        "times the allowed error",
    ):
        assert words in explanation
    run = subprocess.run([sys.executable, "-c", script_of(rest)], capture_output=True, text=True, timeout=100)
    left, right = run.stdout.split()
    assert left == right  # in an unbroken torch
