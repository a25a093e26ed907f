"""Whatever an implementation returns or raises is reported as what it is, in every property."""

from __future__ import annotations

import collections
import gc
import os
import signal
import sys
import unittest
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conformance import divergences, foreign, implementation, ways
from conformance.cells import Cell
from conformance.corners import places
from conformance.foreign import UnfitError, told
from conformance.implementation import Implementation, Untested
from conformance.laws import instances
from conformance.losses import LOSSES
from conformance.running import obstacle
from conformance.session import session
from conformance.tally import Tally
from conformance.test_corners import test_corner as corner
from conformance.test_gradient import test_gradient as gradient
from conformance.test_laws import test_law as law
from conformance.test_second_derivative import test_second_derivative as second_derivative
from conformance.test_value import test_value as value
from conformance.test_ways import test_way as way
from reference import FORMATS

LOSS = "mse_loss"
Pair = collections.namedtuple("Pair", "loss extra")


def right(*args: Any, **kwargs: Any) -> torch.Tensor:
    return getattr(F, LOSS)(*args, **kwargs)  # type: ignore[no-any-return]  # it is a loss


class Raising(torch.Tensor):
    """A tensor that nothing can be done with."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise OSError("no such method")


class Lazy(torch.Tensor):
    """A tensor that says what it is, and has no numbers."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in (torch.Tensor.detach, torch.Tensor.cpu, torch.Tensor.double):
            raise OSError("the computation failed")
        return super().__torch_function__(function, types, args, kwargs or {})


class Duck:
    """What looks like an array of another library."""

    dtype, shape, ndim = np.dtype("float32"), (), 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.zeros((), dtype)


class Liar:
    """What claims to be a tensor."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]  # it breaks the rule on purpose
        raise OSError("nobody asks")


async def coroutine(*args: Any, **kwargs: Any) -> torch.Tensor:
    return right(*args, **kwargs)


def generator(*args: Any, **kwargs: Any) -> Iterator[torch.Tensor]:
    yield right(*args, **kwargs)


def of_right(change: Callable[[torch.Tensor], Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: change(right(*args, **kwargs))


# What is returned, and how that is told.
RETURNED: dict[str, tuple[Callable[..., Any], str]] = {
    "None": (of_right(lambda loss: None), "returned None, not a tensor"),
    "tuple": (of_right(lambda loss: (loss, loss)), "returned a tuple of 2, not a tensor"),
    "namedtuple": (of_right(lambda loss: Pair(loss, 1)), "Pair of 2, not a tensor"),
    "dict": (of_right(lambda loss: {"loss": loss}), "returned a dict of 1, not a tensor"),
    "float": (of_right(lambda loss: 0.5), "returned a float, not a tensor"),
    "complex": (of_right(lambda loss: 0.5j), "returned a complex, not a tensor"),
    "str": (of_right(lambda loss: "0.5"), "returned a str, not a tensor"),
    "scalar": (of_right(lambda loss: np.float32(0)), "returned a numpy.float32, not a tensor"),
    "array": (of_right(lambda loss: np.zeros(())), "returned a numpy.ndarray, not a tensor"),
    "coroutine": (lambda *a, **k: coroutine(*a, **k), "returned a coroutine, not a tensor"),
    "generator": (lambda *a, **k: generator(*a, **k), "returned a generator, not a tensor"),
    "duck": (of_right(lambda loss: Duck()), "Duck, not a tensor"),
    "liar": (of_right(lambda loss: Liar()), "Liar, not a tensor"),
    "coo": (of_right(lambda loss: loss.to_sparse()), "a tensor of layout torch.sparse_coo, not a dense"),
    "csr": (of_right(lambda loss: torch.eye(2).to_sparse_csr()), "of layout torch.sparse_csr"),
    "nested": (of_right(lambda loss: torch.nested.nested_tensor([torch.ones(1)])), "a nested tensor"),
    "quantized": (
        of_right(lambda loss: torch.quantize_per_tensor(torch.zeros(()), 1.0, 0, torch.qint8)),
        "returned a quantized tensor",
    ),
    "raising": (of_right(lambda loss: loss.as_subclass(Raising)), "no such method"),
}  # fmt: skip
# What is wrong with a tensor otherwise.
TENSORS: dict[str, tuple[Callable[..., Any], str]] = {
    "meta": (of_right(lambda loss: loss.to("meta")), "device meta instead of cpu"),
    "complex64": (of_right(lambda loss: loss.to(torch.complex64)), "dtype torch.complex64 instead of "),
    "int64": (of_right(lambda loss: loss.long()), "dtype torch.int64 instead of "),
    "bool": (of_right(lambda loss: loss.bool()), "dtype torch.bool instead of "),
    "shape": (of_right(lambda loss: loss[None]), "shape (1,"),
    "lazy": (of_right(lambda loss: loss.as_subclass(Lazy)), "the computation failed"),
}


class Base(BaseException):
    """What no `except Exception` catches."""


class MuteError(Exception):
    """An exception that cannot say what it is about."""

    def __str__(self) -> str:
        raise OSError("speechless")


def raising(error: BaseException) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> torch.Tensor:
        raise error

    return function


def calling(function: Callable[..., Any], *given: Any) -> Callable[..., Any]:
    def loss(*args: Any, **kwargs: Any) -> torch.Tensor:
        function(*given)
        return right(*args, **kwargs)

    return loss


def recursive(*args: Any, **kwargs: Any) -> torch.Tensor:
    return recursive(*args, **kwargs)


# What is raised, and how that is told.
RAISED: dict[str, tuple[Callable[..., Any], str]] = {
    "lines": (raising(ValueError("one\n  two\r\nthree\0")), r"raised ValueError: one two three\x00"),
    "empty": (raising(ValueError()), "raised ValueError\n"),
    "huge": (raising(ValueError("x" * 10**6)), "xxx ...\n"),
    "surrogate": (raising(ValueError("\ud800")), r"raised ValueError: \ud800"),
    "mute": (raising(MuteError()), "raised MuteError: its __str__ raises OSError"),
    "StopIteration": (raising(StopIteration(1)), "raised StopIteration: 1"),
    "GeneratorExit": (raising(GeneratorExit()), "raised GeneratorExit"),
    "SystemExit": (calling(sys.exit, 3), "raised SystemExit: 3"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "raised KeyboardInterrupt"),
    "BaseException": (raising(Base("base")), "raised Base: base"),
    "RecursionError": (recursive, "raised RecursionError: maximum recursion depth"),
    "MemoryError": (raising(MemoryError()), "raised MemoryError"),
    "skip": (calling(pytest.skip, "tired"), "raised Skipped: tired"),
    "xfail": (calling(pytest.xfail, "known"), "raised XFailed: known"),
    "fail": (calling(pytest.fail, "so it is"), "raised Failed: so it is"),
    "exit": (calling(pytest.exit, "enough"), "raised Exit: enough"),
    "SkipTest": (raising(unittest.SkipTest("tired")), "raised SkipTest: tired"),
    "assume": (calling(hypothesis.assume, False), "raised UnsatisfiedAssumption"),
    "reject": (calling(hypothesis.reject), "raised UnsatisfiedAssumption"),
    "warning": (raising(UserWarning("slow")), "warned UserWarning: slow"),  # what python -W error makes of it
    "group": (raising(BaseExceptionGroup("both", [Base(1), Base(2)])), "raised BaseExceptionGroup: both"),
}  # fmt: skip


def put(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], records: Any = ()) -> None:
    """Put a loss under test, with some divergences on record."""
    foreign.watch_for_interrupts()
    guarded = SimpleNamespace(**{LOSS: implementation._guarded(function)})
    made = Implementation("odd:loss", guarded, ("import odd as F",), (LOSS,))
    monkeypatch.setattr(session, "implementation", made)
    monkeypatch.setattr(session, "records", tuple(records))
    monkeypatch.setattr(ways.way, "_set_up", ways.way._set_up.__wrapped__)
    obstacle.cache_clear()


@pytest.fixture(autouse=True)
def _nothing_remains() -> Iterator[None]:
    yield
    obstacle.cache_clear()


CELL = Cell(LOSSES[LOSS], "mean", FORMATS["float32"], "cpu")
AXES: Any = ([LOSSES[LOSS]], ["float32"], ["cpu"])
STEPPED = next(p for p in ways.passages(*AXES) if p.way.name == "offset")
INSTANCE = instances(*AXES)[0]
PROPERTIES: dict[str, Callable[[], None]] = {
    "value": lambda: value(CELL, Tally(), 0),
    "gradient": lambda: gradient(CELL, Tally(), 0),
    "second derivative": lambda: second_derivative(CELL, Tally(), 0),
    "law": lambda: law(INSTANCE, Tally(), 0),
    "corner": lambda: corner(places(*AXES)[0], Tally()),
    "way": lambda: way(STEPPED, Tally(), 0),
}
# A way compares shapes with the plain call, which the others judge; it does not read what is not changed.
UNSEEN = {("shape", "way"), ("lazy", "way"), ("shape", "second derivative")}


def failure_of(of: str) -> str:
    """What a of says of what is under test, which does not conform."""
    with pytest.raises(pytest.fail.Exception) as failed:
        PROPERTIES[of]()
    text = str(failed.value)
    assert "To reproduce:" in text
    assert "import odd as F" in text
    assert text.encode()  # without lone surrogates
    return text


# A few go through every of, the rest through that of values.
IN_ALL = ("None", "tuple", "coroutine", "coo", "raising", "SystemExit", "skip", "reject", "lines", "mute")
CASES = [
    pytest.param(function, words, of, id=f"{name}-{of}")
    for name, (function, words) in {**RETURNED, **RAISED}.items()
    for of in (PROPERTIES if name in IN_ALL else ["value"])
] + [
    pytest.param(function, words, of, id=f"{name}-{of}")
    for name, (function, words) in TENSORS.items()
    for of in PROPERTIES
    if (name, of) not in UNSEEN
]


@pytest.mark.parametrize(("function", "words", "of"), CASES)
def test_what_an_implementation_gives_is_reported_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], words: str, of: str
) -> None:
    put(monkeypatch, function)
    assert words in failure_of(of)
    gc.collect()  # a coroutine that nobody closed would warn here


class Backward(torch.autograd.Function):
    """The loss, and a backward that fails."""

    fails: Callable[..., Any]

    @staticmethod
    def forward(ctx: Any, loss: torch.Tensor) -> torch.Tensor:
        """The loss."""
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:
        """Nothing, if it does not raise."""
        return Backward.fails(upstream) and None


@pytest.mark.parametrize("name", [name for name in RAISED if name != "RecursionError"])
def test_what_its_backward_raises_is_reported_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    function, words = RAISED[name]
    monkeypatch.setattr(Backward, "fails", staticmethod(function), raising=False)
    put(monkeypatch, of_right(lambda loss: Backward.apply(loss)))
    assert words in failure_of("gradient")


@pytest.mark.parametrize("of", ["gradient", "way"])
def test_a_gradient_that_is_not_dense_is_reported(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    class Sparse(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, upstream: torch.Tensor) -> torch.Tensor:
            return upstream.to_sparse()

    put(monkeypatch, lambda **given: right(**{**given, "input": Sparse.apply(given["input"])}))
    assert "a gradient of layout torch.sparse_coo, not a dense one" in failure_of(of)


@pytest.mark.parametrize(
    ("change", "of", "words"),
    [
        (lambda loss: loss.clone().requires_grad_(), "value", "requires a gradient, and no argument does"),
        (lambda loss: loss.detach(), "gradient", "does not require a gradient, and input does"),
        (lambda loss: loss.double(), "gradient", "dtype torch.float64 instead of torch.float32"),
    ],
)
def test_a_result_requires_a_gradient_if_an_argument_does(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[torch.Tensor], torch.Tensor], of: str, words: str
) -> None:
    put(monkeypatch, of_right(change))
    assert words in failure_of(of)


@pytest.mark.parametrize("of", PROPERTIES)
def test_what_behaves_passes(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    class Kind(torch.Tensor):
        pass

    def change(loss: torch.Tensor) -> torch.Tensor:
        return loss.as_subclass(Kind) if type(loss) is torch.Tensor and of != "way" else loss

    put(monkeypatch, of_right(change), divergences.DIVERGENCES)
    PROPERTIES[of]()


@pytest.mark.parametrize("error", [NotImplementedError(), NotImplementedError("\ud800. No"), Untested("no")])
def test_a_refusal_is_a_line_in_whatever_words(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    put(monkeypatch, raising(error))
    with pytest.raises(pytest.skip.Exception) as skipped:
        value(CELL, Tally(), 0)
    assert str(skipped.value) in ("NotImplementedError", r"\ud800", "no")


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_ctrl_c_interrupts_an_implementation(
    monkeypatch: pytest.MonkeyPatch, handler: Callable[..., Any] | signal.Handlers
) -> None:
    before = signal.signal(signal.SIGINT, handler)
    monkeypatch.setattr(foreign, "_watched", False)
    monkeypatch.setattr(foreign, "_interrupted", False)
    try:
        foreign.watch_for_interrupts()
        with monkeypatch.context() as patch:
            put(patch, raising(KeyboardInterrupt()))
            with pytest.raises(pytest.fail.Exception, match="raised KeyboardInterrupt"):
                value(CELL, Tally(), 0)
        if handler is not signal.SIG_IGN:
            put(monkeypatch, calling(os.kill, os.getpid(), signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                value(CELL, Tally(), 0)
    finally:
        signal.signal(signal.SIGINT, before)


def test_exceptions_in_a_circle_are_told() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    from conformance.checks.ways import _told

    assert _told(one) == "raised ValueError: one due to ValueError: two"
    assert told(UnfitError("returned None")) == "returned None"
