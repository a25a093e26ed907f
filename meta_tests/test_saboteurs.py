"""Saboteurs break what they say they break, and the suite notices a sample of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from conformance.losses import LOSSES

from .saboteurs import KINDS, SABOTEURS, SEVERITIES, Saboteur
from .saboteurs.__main__ import main
from .saboteurs.campaign import Result, read_results, run_all, run_one, suite_digest
from .saboteurs.power import goals_hold, markdown, rates
from .saboteurs.witness import show

# Saboteurs of all sorts, each with the test that must notice it.
SAMPLE = {
    "cross_entropy-ignored-rows-leak": "gradient.py::test_gradient[cross_entropy-sum-float64-cpu]",
    "ctc_loss-concatenated": "value.py::test_value[ctc_loss-none-float64-cpu]",
    "huber_loss-wrong-under-vmap": "ways.py::test_way[huber_loss-vmap-float64-cpu]",
    "kl_div-wrong-where-compiled": "ways.py::test_way[kl_div-compile_aot_eager-float32-cpu]",
    "margin_ranking_loss-module": "modules.py",
    "mse_loss-gradient-kernel-of-large-ones": "gradient.py::test_gradient[mse_loss-sum-float32-cpu]",
    "nll_loss-off-by-1e-06-in-float32": "value.py::test_value[nll_loss-none-float32-cpu]",
    "poisson_nll_loss-second-derivative": (
        "second_derivative.py::test_second_derivative[poisson_nll_loss-sum-float64-cpu]"
    ),
    "triplet_margin_loss-negative-margin": "invalid_calls.py",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_every_witness_shows_its_saboteur_and_only_while_it_is_at_work(loss: str) -> None:
    concerned = [saboteur for saboteur in SABOTEURS.values() if saboteur.loss == loss]
    assert concerned
    for saboteur in concerned:
        before = show(saboteur)
        with saboteur.at_work():
            assert show(saboteur) != before, f"{saboteur} makes no difference to its witness"
        assert show(saboteur) == before, f"{saboteur} leaves torch broken"


@pytest.mark.parametrize(("name", "test"), SAMPLE.items(), ids=list(SAMPLE))
def test_the_suite_notices(name: str, test: str) -> None:
    result = run_one(SABOTEURS[name], "", seconds=200, tests=[f"conformance/test_{test}"])
    assert result.outcome == "killed", result
    assert test.partition("::")[2] in result.killed_by


def test_a_run_without_a_failure_is_survived() -> None:
    tests = ["conformance/test_value.py::test_value[mse_loss-sum-bfloat16-cpu]"]
    result = run_one(SABOTEURS["mse_loss-off-by-1e-13-in-float64"], "", seconds=200, tests=tests)
    assert (result.outcome, result.examples) == ("survived", 100)


def test_the_table_has_all_kinds_severities_and_losses() -> None:
    rows = SABOTEURS.values()
    assert len(rows) >= 150
    assert {row.kind for row in rows} == set(KINDS)
    assert {row.severity for row in rows} == set(SEVERITIES)
    assert {row.loss for row in rows} == set(LOSSES)
    assert sorted(map(str, rows)) == sorted(SABOTEURS)


def results_of(outcomes: Sequence[str]) -> list[tuple[Saboteur, Result]]:
    """Made-up results of the first saboteurs."""
    return [
        (saboteur, Result(name, "2.0", "abc", outcome, "test_value[x]", 10, 1.5))
        for (name, saboteur), outcome in zip(SABOTEURS.items(), outcomes)
    ]


def test_a_moderate_survivor_is_short_of_the_goal() -> None:
    assert goals_hold(results_of(["killed", "killed"]))
    assert not goals_hold(results_of(["survived", "killed"]))
    assert rates(results_of(["survived", "killed"]))[-1] == ["all", "", "0/1", "1/1", "1/2"]


def test_the_page_names_survivors() -> None:
    page = markdown(results_of(["survived", "killed", "failed"]))
    first, _, third = list(SABOTEURS)[:3]
    assert f"- {first} (precision, moderate): " in page
    assert f"- {third} (precision, moderate): " in page
    assert "a median of 10 examples and 1.5 s" in page
    assert "| **survived** | 10 | 1.5 |" in page


def test_what_the_store_has_is_not_run_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    name, saboteur = next(iter(SABOTEURS.items()))
    result = Result(name, torch.__version__, suite_digest(), "survived", "", 5, 0.5)
    store.write_text(json.dumps(dataclasses.asdict(result)) + "\n")
    assert list(run_all([saboteur], store, 1, 0.01)) == [(saboteur, result)]
    (again,) = run_all([saboteur], store, 1, 0.01, again=True)
    assert (again[1].outcome, again[1].killed_by) == ("failed", "no verdict in 0.01 s")
    assert read_results(store)[name].outcome == "failed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--loss", "l3_loss"], "invalid choice: 'l3_loss'"),
        (["--jobs", "0"], "--jobs: must be a whole number from 1 on, got 0"),
        (["--markdown", "--store", "{damaged}"], "line 1 is no result"),
    ],
)
def test_bad_input_is_told_in_a_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_text("{}\n")
    with pytest.raises(SystemExit) as stopped:
        main([argument.format(damaged=damaged) for argument in arguments])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
