"""What cannot be loaded or tested ends in one line that names it and the mend."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.foreign import watch_for_interrupts
from conformance.implementation import find_implementation

from .test_options import pytest_of_the_suite

LOSSES = """
import functools
import torch
from torch.nn import functional

number = 3
wrong = type("Wrong", (), {"mse_loss": staticmethod(lambda logits, labels: 0)})


class Some:
    class Inner:
        l1_loss = 1

    @staticmethod
    def l1_loss(input, target, reduction="mean"):
        return functional.l1_loss(input, target, reduction=reduction)


class OneWay(torch.autograd.Function):
    pass


class Methods:
    def l1_loss(self, input, target):
        return functional.l1_loss(input, target)

    @classmethod
    def mse_loss(cls, input, target):
        return functional.mse_loss(input, target)


methods = Methods()


class Raising:
    @property
    def l1_loss(self):
        raise OSError("no kernel")

    def __getattr__(self, name):
        raise OSError(f"no {name}")


raising = Raising()


class Odd:
    __name__ = ["unhashable"]

    @property
    def __signature__(self):
        raise OSError("no signature")

    def __call__(self, input, target):
        raise OSError("no result")


odd = type("Holder", (), {"l1_loss": Odd()})


class cross_entropy(torch.nn.Module):
    def forward(self, input, target):
        return functional.cross_entropy(input, target)


CrossEntropyLoss = cross_entropy
module = cross_entropy()


class Async:
    async def l1_loss(input, target):
        return functional.l1_loss(input, target)

    def mse_loss(input, target):
        yield functional.mse_loss(input, target)

    async def huber_loss(input, target):
        yield functional.huber_loss(input, target)


class Called:
    async def __call__(self, input, target):
        return functional.l1_loss(input, target)


called = type("Holder", (), {"l1_loss": Called()})
partial = type("Holder", (), {"l1_loss": functools.partial(Async.l1_loss)})


class Further:
    def l1_loss(input, target, temperature, *, scale, weight):
        return input

    def mse_loss(input, target, /, weight=None):
        return input

    def huber_loss(input, target, reduction, delta, weight):
        return functional.huber_loss(input, target, reduction, delta, weight)


class Required:
    huber_loss = staticmethod(Further.huber_loss)
"""
# Modules by name, and what they do when they are imported.
MODULES = {
    "some_losses": LOSSES,
    "raising": "raise OSError('no kernel\\nfor this machine')",
    "empty": "raise OSError",
    "lacking": "import os\n\nimport triton_of_another_machine.language",
    "indirect": "import lacking",
    "broken": "def l1_loss(input, target):\n    return input +\n",
    "exiting": "import sys\n\nsys.exit('no GPU here')",
    "interrupting": "raise KeyboardInterrupt",
    "skipping": "import pytest\n\npytest.skip('not today', allow_module_level=True)",
    "circular": "import circling",
    "circling": "from circular import l1_loss",
    "talking": "import warnings\nprint('hi')\nwarnings.warn('old')\nfrom torch.nn.functional import *",
    "lazy": "def __getattr__(name):\n    import torch\n    return getattr(torch.nn.functional, name)",
    "lazily_failing": "def __getattr__(name):\n    raise ImportError(f'{name} needs CUDA')",
    "reference": "def l1_loss(input, target):\n    return input",
}


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder on the import path that holds `MODULES`."""
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(source)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\n")
    monkeypatch.syspath_prepend(tmp_path)
    watch_for_interrupts()
    yield
    for name in MODULES:
        if name != "reference":
            sys.modules.pop(name, None)


PATH = "it must be installed, or in the current folder or one of PYTHONPATH"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:l1_loss", ["'no_such_module' cannot be imported", PATH]),
        ("package.lacks:l1_loss", ["'package.lacks' cannot be imported", PATH]),
        ("raising", ["'raising' cannot be imported (OSError: no kernel for this machine)", "raising.py:1"]),
        ("empty", ["'empty' cannot be imported (OSError), at ", "empty.py:1"]),
        ("lacking", ["No module named 'triton_of_another_machine'", "lacking.py:3"]),
        ("indirect", ["No module named 'triton_of_another_machine'", "lacking.py:3, from ", "indirect.py:1"]),
        ("broken", ["(SyntaxError: invalid syntax", "broken.py:2"]),
        ("latin", ["(SyntaxError: ", "latin.py"]),
        ("exiting", ["(raised SystemExit: no GPU here), at ", "exiting.py:3"]),
        ("interrupting", ["(raised KeyboardInterrupt), at ", "interrupting.py:1"]),
        ("skipping", ["(raised Skipped: not today), at ", "skipping.py:3"]),
        ("circular", ["partially initialized module 'circular'", "circling.py:1"]),
        ("lazily_failing:Some.l1_loss", ["ImportError: Some needs CUDA", "lazily_failing.py:2"]),
        ("reference:l1_loss", ["'reference' is a module of the suite; rename yours"]),
        ("some_losses:Som", ["'some_losses:Som'", "no 'Som'", "some_losses.py", "did you mean 'Some'?"]),
        ("some_losses:Some.mse", ["no 'mse'"]),
        ("some_losses:number", ["'some_losses:number'", "holds one", "l1_loss, mse_loss"]),
        ("some_losses:OneWay", ["neither has the name of a loss"]),
        ("some_losses:Some.Inner", ["l1_loss is not callable, but an int"]),
        ("some_losses:wrong", ["mse_loss(logits, labels)", "input=..., target=...", "as torch.nn"]),
        ("some_losses:raising", ["OSError: no ", "some_losses.py:"]),
        ("some_losses:raising.some", ["OSError: no some", "some_losses.py:"]),
        ("some_losses:cross_entropy", ["cross_entropy is a class; give a function, or an instance"]),
        ("some_losses:CrossEntropyLoss", ["cross_entropy is a class"]),
        ("some_losses:module", ["neither has the name of a loss"]),
        ("torch.nn:L1Loss", ["is a module; the suite calls functionals", "l1_loss"]),
        ("some_losses:Methods", ["l1_loss needs self: give an instance in place of the class"]),
        ("some_losses:Async.l1_loss", ["l1_loss is a coroutine function (async def)", "plain function"]),
        ("some_losses:Async.mse_loss", ["mse_loss is a generator function"]),
        ("some_losses:Async.huber_loss", ["huber_loss is an asynchronous generator function"]),
        ("some_losses:called", ["l1_loss is a coroutine function (async def)"]),
        ("some_losses:partial", ["l1_loss is a coroutine function (async def)"]),
        ("some_losses:Further.l1_loss", ["requires temperature, scale, which torch.nn.functional.l1_loss"]),
        ("some_losses:Further.mse_loss", ["takes input, target by position only", "remove the /"]),
        ("some_losses:", ["package.module:attribute"]),
        ("some_losses:a:b", ["package.module:attribute"]),
        ("", ["package.module:attribute"]),
    ],
)  # fmt: skip
def test_a_bad_implementation_ends_in_one_line(name: str, words: list[str]) -> None:
    with pytest.raises(pytest.UsageError) as caught:
        find_implementation(name)
    message = str(caught.value)
    assert message.startswith("--implementation: ")
    assert "\n" not in message
    assert all(word in message for word in words), message
    assert (PATH in message) == (PATH in words)


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("some_losses:methods", {"l1_loss", "mse_loss"}),
        ("some_losses:Methods.mse_loss", {"mse_loss"}),
        ("some_losses:Required", {"huber_loss"}),
        ("some_losses:odd", {"l1_loss"}),
        ("talking:l1_loss", {"l1_loss"}),
        ("lazy:l1_loss", {"l1_loss"}),
        ("lazy:mse_loss", {"mse_loss"}),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("default:old")
def test_what_can_be_tested_is_taken(name: str, losses: set[str]) -> None:
    assert set(find_implementation(name).losses) == losses


def one_error(*options: str, path: Path) -> str:
    """The line in which a run ends."""
    run = pytest_of_the_suite(*options, path=path)
    errors = [line for line in run.stderr.splitlines() if line]
    assert run.returncode == 4, run.stdout + run.stderr
    assert len(errors) == 1, run.stderr
    assert "Traceback" not in run.stdout
    return errors[0]


@pytest.mark.parametrize(
    ("option", "source", "workers"),
    [
        ("--implementation", "import torch\nwhile True:\n    pass\n", "0"),
        ("--registry", "import time\n\ntime.sleep(1000)\n", "2"),
    ],
)
def test_an_import_without_end_ends_in_one_line(
    tmp_path: Path, option: str, source: str, workers: str
) -> None:
    (tmp_path / "endless.py").write_text(source)
    name = "endless:l1_loss" if option == "--implementation" else str(tmp_path / "endless.py")
    error = one_error(f"{option}={name}", "--hang", "1", "-n", workers, path=tmp_path)
    words = rf"{re.escape(name)}'?: loading it did not end within 1 s \(--hang\): it is at \S+endless\.py:\d"
    assert re.fullmatch(rf"ERROR: {option}: '?{words}", error)
