"""The benchmarks measure what they say, and refuse in a line what they cannot do."""

from __future__ import annotations

import math

import pytest

from benchmarks.__main__ import main
from benchmarks.growth import peak_memory
from benchmarks.parts import measure, measure_once, run_examples
from conformance.losses import LOSSES


def test_the_parts_make_the_whole() -> None:
    parts = measure_once(LOSSES["l1_loss"], 20, seed=0)
    sum_of_parts = parts.hypothesis + parts.drawing + parts.oracle + parts.torch + parts.judging + parts.rest
    assert math.isclose(sum_of_parts, parts.whole)
    assert parts.whole > parts.floor > parts.call > 0
    assert min(parts.oracle, parts.torch) > 0


def test_an_example_checks_the_call_of_a_functional_twice_and_two_other_calls() -> None:
    _, checks = measure(LOSSES["l1_loss"], 5)
    assert checks == 4


def test_an_example_and_its_memory_are_measured() -> None:
    assert 0 < run_examples(LOSSES["l1_loss"], 10, 0) < 1
    ((done, size),) = peak_memory([LOSSES["l1_loss"]], [10], at_once=10)
    assert done == 10
    assert 2**20 < size < 2**40


def test_a_table_has_a_row_for_each_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parts", "--loss", "kl_div", "--loss", "l1_loss", "--examples", "5"]) == 0
    told = capsys.readouterr().out
    head = next(line.split() for line in told.splitlines() if "drawing" in line and "oracle" in line)
    for loss in ("kl_div", "l1_loss"):
        (row,) = (line.split() for line in told.splitlines() if line.startswith(loss))
        assert len(row) == len(head) + 1
    assert "median: an example" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["speed"], "unknown table 'speed' (of parts, examples,"),
        (["--loss", "l3_loss"], "invalid choice: 'l3_loss'"),
        (["--examples", "0"], "--examples: must be a whole number from 1 on, got 0"),
    ],
)
def test_bad_input_is_told_in_a_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
