"""Implementations other than torch: they are found, tested as far as they go, and judged by their records."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from conformance.implementation import Untested, find_implementation

from .test_failures import script_of
from .test_options import pytest_of_the_suite

README = (Path(__file__).parent.parent / "README.md").read_text()
FUSED = re.findall(r"```py\n(.*?)```", README, re.DOTALL)[0]
COMMAND = re.findall(r"```console\n\$ (.*)\n```", README)[0]
FEW = ("--dtype", "float32", "--device", "cpu", "--examples", "10")

# A module of losses of which some refuse something, each in its way.
LOSSES = """
import functools
import torch
from torch.nn import functional

Class = type("Class", (), {"mse_loss": staticmethod(functional.mse_loss)})
number = 3
wrongly_named = lambda logits, labels: functional.l1_loss(logits, labels)


def named_otherwise(*args, **kwargs):
    return functional.l1_loss(*args, **kwargs)


named_otherwise.__name__ = "l1_loss"


class OneWay(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()


class Some:
    class Inner:
        l1_loss = 1

    @staticmethod
    def l1_loss(input, target, reduction="mean"):  # without weight
        if reduction == "none":
            raise NotImplementedError("all results are reduced. Sorry")
        return functional.l1_loss(input, target, reduction=reduction)

    @staticmethod
    def kl_div(input, target, **options):
        return OneWay.apply(functional.kl_div(input, target, **options))

    @staticmethod
    def huber_loss(input, target, **options):
        return 1 + "1"

    @staticmethod
    def mse_loss(logits, labels, reduction="mean"):
        return functional.mse_loss(logits, labels, reduction=reduction)


some = Some()
del Some.mse_loss
wrong = type("Wrong", (), {"mse_loss": staticmethod(lambda logits, labels: 0)})
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path that holds ``some_losses`` and an entry point ``plugged-in``."""
    (tmp_path / "some_losses.py").write_text(LOSSES)
    info = tmp_path / "plugged_in-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-in\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[torch_loss_conformance.implementations]\nplugged-in = some_losses:some\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_losses", raising=False)
    return tmp_path


def counts_in(output: str, of: str = "value") -> tuple[int, dict[str, int]]:
    """How many examples were tested, and how many were not, by the reason."""
    found = re.findall(rf"^{of}: (\d+) examples", output, re.MULTILINE)
    untested = re.findall(r"^not tested: \w+: (\d+) examples: (.*)$", output, re.MULTILINE)
    return int(found[0]) if found else 0, {reason: int(n) for n, reason in untested}


def test_the_example_of_the_readme_passes_and_says_what_is_not_tested(tmp_path: Path) -> None:
    (tmp_path / "fused.py").write_text(FUSED)
    program, *options = shlex.split(COMMAND)
    assert program.endswith("/pytest")
    # As it stands there, but for the number of examples.
    run = pytest_of_the_suite(*options, "--examples", "20", path=tmp_path)
    assert run.returncode == 0, run.stdout
    assert "implementation fused:cross_entropy: cross_entropy" in run.stdout
    assert "20 examples a cell, seed 0" in run.stdout
    for line in re.findall(r"not tested: (.*)", README):
        reason = re.escape(line).replace(r"\.\.\.", ".*")
        assert re.search(re.sub(r"\d+\\ examples", r"\\d+ examples", reason), run.stdout), line
    examples, untested = counts_in(run.stdout)
    assert examples
    assert untested
    assert not counts_in(run.stdout, "second_derivative")[0]
    ran = set(re.findall(r"^(\w+): \d+ examples in", run.stdout, re.MULTILINE))
    assert ran == {"corner", "gradient", "law", "other_dtypes", "size", "value", "way"}
    assert re.search(r"^way: \d+ examples in \d+ cells of \d+ ways$", run.stdout, re.MULTILINE)
    assert not re.search(r"conformance/test_(completeness|support|invalid|worked|divergences)", run.stdout)


def test_the_example_of_the_readme_passes_with_other_cases(tmp_path: Path) -> None:
    (tmp_path / "fused.py").write_text(FUSED)
    # The seed once drew weights whose sum is infinite, and logits whose difference is.
    few = ["--hypothesis-seed", "11", "--examples", "20", "-k", "value or gradient or law"]
    run = pytest_of_the_suite(*shlex.split(COMMAND)[1:], *few, path=tmp_path)
    assert run.returncode == 0, run.stdout
    assert {"gradient", "law", "value"} <= set(
        re.findall(r"^(\w+): \d+ examples in", run.stdout, re.MULTILINE)
    )


@pytest.mark.parametrize(
    ("logits", "labels", "weight", "value"),
    [
        ([[0.0, 0.0], [0.0, 0.0]], [1, 1], [0.0, 1.7e308], 0.6931471805599453),
        ([[0.0, 0.0], [0.0, 0.0]], [0, 1], [1.7e308, 1.7e308], 0.6931471805599453),
        ([[0.0, 0.0], [-0.9e308, 1.7e308]], [0, 0], [1.0, 1.0], 1.3e308),
        ([[0.0, 0.0], [0.0, 0.0]], [0, 1], [5e-324, 5e-324], 0.6931471805599453),
    ],
)
def test_the_example_of_the_readme_takes_the_ends_of_the_range(
    logits: list[list[float]], labels: list[int], weight: list[float], value: float
) -> None:
    names: dict[str, object] = {}
    exec(FUSED, names)
    x, w = torch.tensor(logits, dtype=torch.float64), torch.tensor(weight, dtype=torch.float64)
    loss = names["cross_entropy"](x, torch.tensor(labels), w)  # type: ignore[operator]  # it is a function
    assert loss.item() == pytest.approx(value, rel=1e-15)


# A line of the example, what breaks it, and where that is found.
BREAKS = [
    ("divisor", "w = w / total", "w = w / len(x)", "value", "mean"),
    ("upstream", "upstream.to(w.dtype).expand(w.shape)", "torch.ones_like(w)", "gradient", "none"),
    ("weights", " if weight is None else weight.to(x.dtype)[labels]", "", "value", "sum"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "of", "reduction"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS]
)
def test_the_example_fails_if_it_is_broken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    right: str,
    wrong: str,
    of: str,
    reduction: str,
) -> None:
    assert FUSED.count(right) == 1
    (tmp_path / "fused.py").write_text(FUSED.replace(right, wrong))
    test = f"conformance/test_{of}.py::test_{of}[cross_entropy-{reduction}-float32-cpu]"
    options = [*FEW, "--examples", "200", test]
    run = pytest_of_the_suite(*shlex.split(COMMAND)[1:], *options, path=tmp_path)
    assert run.returncode == 1
    assert "cross_entropy of fused:cross_entropy (" in run.stdout
    assert "outside the derived bound" in run.stdout
    explanation, rest = run.stdout.split("To reproduce:", 1)
    got = float(re.findall(r"got      (\S+)", explanation)[-1])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fused", raising=False)
    exec(script_of(rest), {})  # it runs what was tested
    assert float(capsys.readouterr().out) == pytest.approx(got, nan_ok=True)


KL_REDUCTIONS = ("none", "mean", "sum", "batchmean")


def test_what_is_refused_is_not_counted_as_passed(here: Path) -> None:
    options = ["conformance/test_gradient.py", "--loss", "l1_loss", "--loss", "KLDivLoss", "-n", "1", "-v"]
    run = pytest_of_the_suite("--implementation", "plugged-in", *options, *FEW, path=here)
    assert run.returncode == 0, run.stdout
    examples, untested = counts_in(run.stdout, "gradient")
    assert f"SKIPPED [{len(KL_REDUCTIONS)}]" in run.stdout
    assert "plugged-in: You must implement either the backward" in run.stdout
    assert set(untested) == {
        "all results are reduced",
        "its signature: got an unexpected keyword argument 'weight'",
    }
    assert examples + sum(untested.values()) == 10 * 3  # all that was drawn for l1_loss
    assert f"{examples} examples in 2 cells" in run.stdout
    outcomes = re.findall(r"(PASSED|SKIPPED) \S*\[(\w+-\w+)-float32-cpu\]", run.stdout)
    passed = {cell for outcome, cell in outcomes if outcome == "PASSED"}
    skipped = {cell for outcome, cell in outcomes if outcome == "SKIPPED"}
    assert passed == {"l1_loss-mean", "l1_loss-sum"}
    assert skipped == {"l1_loss-none", *(f"kl_div-{reduction}" for reduction in KL_REDUCTIONS)}


def test_an_error_inside_is_no_refusal(here: Path) -> None:
    some = find_implementation("plugged-in")
    ones = torch.ones(2, requires_grad=True)
    with pytest.raises(Untested, match=r"^all results are reduced$"):
        some.F.l1_loss(ones, ones, reduction="none")
    with pytest.raises(Untested, match="its signature: got an unexpected keyword argument 'weight'"):
        some.F.l1_loss(ones, ones, weight=ones)
    with pytest.raises(Untested, match="it has no mse_loss"):
        some.function("mse_loss")
    with pytest.raises(TypeError, match="unsupported operand"):
        some.F.huber_loss(ones, ones)


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("some_losses:some", ("l1_loss", "huber_loss", "kl_div")),
        ("some_losses:Some.l1_loss", ("l1_loss",)),
        ("some_losses:named_otherwise", ("l1_loss",)),
        ("some_losses:Class", ("mse_loss",)),
        ("some_losses:functional.l1_loss", ("l1_loss",)),
        ("some_losses:torch.nn.functional.l1_loss", ("l1_loss",)),
        ("plugged-in", ("l1_loss", "huber_loss", "kl_div")),
        ("torch.nn.functional", ("l1_loss", "mse_loss", "kl_div", "ctc_loss")),
    ],
)
def test_an_implementation_is_found_and_its_imports_make_it(
    here: Path, name: str, losses: tuple[str, ...]
) -> None:
    found = find_implementation(name)
    assert set(losses) <= set(found.losses)
    assert name == "torch.nn.functional" or set(losses) == set(found.losses)
    names: dict[str, object] = {}
    exec("\n".join(found.imports), names)
    for loss in losses:
        assert callable(getattr(found.F, loss))
        assert callable(getattr(names["F"], loss))


# exp overflows in torch, and not here; the records are those of torch.
SOFT = """
import torch

def soft_margin_loss(input, target, reduction="mean"):
    loss = torch.nn.functional.softplus(-input * target)
    return loss if reduction == "none" else getattr(loss, reduction)()
"""
RECORDS = """
from conformance import divergences

DIVERGENCES = [
    record
    for record in divergences.DIVERGENCES
    if "soft_margin_loss" in record.losses and not record.ways
]
"""


FIXED = """
from conformance.divergences import Divergence
from conformance.divergences.outcomes import Gives
from conformance.divergences.divergence import Witness

made_up = Witness("l1_loss", "1.0", gives=2.0, truth=1.0)
nothing = Gives((2.0,), where=lambda mismatch: False)
DIVERGENCES = [Divergence("made_up", "accuracy", "ordinary", nothing, "it is not so", (made_up,))]
"""


def test_only_its_own_records_excuse_an_implementation(tmp_path: Path) -> None:
    (tmp_path / "known.py").write_text(RECORDS)
    (tmp_path / "soft.py").write_text(SOFT)
    registry = f"--registry={tmp_path / 'known.py'}"
    files = ["conformance/test_corners.py", "conformance/test_divergences.py"]
    torchs = ["--implementation", "torch.nn.functional:soft_margin_loss", *files, *FEW]
    run = pytest_of_the_suite(*torchs)
    assert run.returncode == 1
    assert "soft_margin_loss of torch.nn.functional:soft_margin_loss (functional)" in run.stdout
    assert not re.search("^known divergence", run.stdout, re.MULTILINE)
    run = pytest_of_the_suite(registry, *torchs, "-v")
    assert run.returncode == 0, run.stdout
    assert re.search(r"known divergence soft_margin_loss-overflow: [1-9]", run.stdout)
    assert "test_witness_still_diverges[soft_margin_loss-overflow] PASSED" in run.stdout
    run = pytest_of_the_suite(registry, "--implementation", "soft:soft_margin_loss", files[1], path=tmp_path)
    assert run.returncode == 1
    assert "soft_margin_loss-overflow: fixed in soft:soft_margin_loss" in run.stdout


def test_a_registry_adds_to_what_torch_is_known_to_do(tmp_path: Path) -> None:
    path = tmp_path / "known.py"
    path.write_text(FIXED)
    options = ["conformance/test_divergences.py", "-k", "witness and (made_up or l1_loss-overflow)", "-v"]
    run = pytest_of_the_suite(f"--registry={path}", *options)
    assert run.returncode == 1
    assert "made_up: fixed in torch" in run.stdout
    assert "test_witness_still_diverges[l1_loss-overflow] PASSED" in run.stdout


def test_torch_itself_can_be_plugged_in() -> None:
    # The mean of weighted losses is another than documented, and torch's records excuse nobody else.
    options = ["--loss", "smooth_l1_loss", "conformance/test_laws.py", *FEW]
    run = pytest_of_the_suite("--implementation", "torch.nn.functional", *options)
    assert run.returncode == 0, run.stdout
    assert counts_in(run.stdout, "law")[0]
    assert "not tested: smooth_l1_loss" not in run.stdout
