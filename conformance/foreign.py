"""Code that somebody else wrote: how it is loaded, and what it raised or returned, in words.

It may raise anything, so nothing here trusts an exception or an object to describe itself.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any

import pytest
import torch

# A message stands in one line of a failure, and in a comment of its script.
LENGTH = 400
OWN = os.path.dirname(__file__) + os.sep


class UnfitError(Exception):
    """What somebody's code did cannot be judged as numbers.

    Args:
        message: completes "the loss ...".
        shows: an expression of what a call ``got`` that shows it.
    """

    def __init__(self, message: str, shows: str = "got") -> None:
        super().__init__(message)
        self.shows = shows


def message_of(error: BaseException) -> str:
    """What an exception says, in one line that any terminal and file can hold; "" if it says nothing."""
    try:
        words = str(error)
    except BaseException as broken:  # it is foreign, too
        _let_through(broken)
        words = f"its __str__ raises {type(broken).__name__}"
    return one_line(words)


def one_line(text: str) -> str:
    """A text as a line that any terminal, file and comment can hold; a long one is cut."""
    line = " ".join(text[: 4 * LENGTH].split())
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return line if len(line) <= LENGTH else f"{line[:LENGTH]} ..."


def named(error: BaseException) -> str:
    """An exception's class and message, in one line."""
    message = message_of(error)
    name = one_line(type(error).__name__)
    return f"{name}: {message}" if message else name


def told(error: BaseException) -> str:
    """What a call did that ended in an exception, in one line: "raised ValueError: ..."."""
    if isinstance(error, UnfitError):
        return message_of(error)
    return f"{'warned' if isinstance(error, Warning) else 'raised'} {named(error)}"


def described(value: object) -> str:
    """What something is, in words: "None", "a tuple of 2", "a numpy.ndarray"."""
    if value is None:
        return "None"
    cls = type(value)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    article = "an" if name[0] in "aeiou" else "a"
    if issubclass(cls, tuple | list | dict | set | frozenset):
        with suppress(Exception):
            return f"{article} {name} of {len(value)}"  # type: ignore[arg-type]  # it is of that class
    return f"{article} {name}"


def check_tensor(value: Any) -> None:
    """Check that something is a tensor with numbers as losses have them: dense, neither nested nor quantized.

    Raises:
        UnfitError: it is something else.
    """
    if not issubclass(type(value), torch.Tensor):  # whatever its `__class__` says
        if issubclass(type(value), CoroutineType | GeneratorType | AsyncGeneratorType):
            with suppress(Exception):
                value.close()  # else Python warns that nobody awaited it
        raise UnfitError(f"returned {described(value)}, not a tensor", "type(got)")
    try:
        if value.is_nested:
            raise UnfitError("returned a nested tensor, not a dense one", "got.is_nested")
        if value.layout is not torch.strided:
            raise UnfitError(f"returned a tensor of layout {value.layout}, not a dense one", "got.layout")
        if value.is_quantized:
            raise UnfitError(f"returned a quantized tensor ({value.dtype})", "got.dtype")
    except UnfitError:
        raise
    except Exception as error:
        raise UnfitError(
            f"returned {described(value)}, whose attributes cannot be read ({named(error)})"
        ) from error


def check_dense(derivative: torch.Tensor | None, what: str) -> None:
    """Check that what somebody's backward gave, if anything, is dense.

    Raises:
        UnfitError: it is not.
    """
    if derivative is not None and derivative.layout is not torch.strided:
        raise UnfitError(f"{what} of layout {derivative.layout}, not a dense one", "got.layout")


def check_numbers_of(value: torch.Tensor, format: str, device: torch.device, wanted: bool) -> None:
    """Check that a plain call returned numbers of the type, and on the device, of its arguments.

    Args:
        value: a tensor that passed `check_tensor`.
        format: the floating-point format of the arguments.
        device: theirs.
        wanted: whether one of them requires a gradient.

    Raises:
        UnfitError: it is something else.
    """
    if value.dtype != getattr(torch, format):
        raise UnfitError(f"dtype {value.dtype} instead of torch.{format}", "got.dtype")
    if value.device.type != device.type:
        raise UnfitError(f"device {value.device} instead of {device}", "got.device")
    if value.requires_grad and not wanted:
        raise UnfitError(
            "returned a tensor that requires a gradient, and no argument does", "got.requires_grad"
        )
    if type(value) is not torch.Tensor:
        try:
            value.detach().cpu().double()
        except Exception as error:
            raise UnfitError(f"returned {described(value)}, which cannot be read ({named(error)})") from error


# Whether the signal of Ctrl-C is watched, and whether it came.
_watched = _interrupted = False


def _interrupt(signum: int, frame: FrameType | None) -> None:
    global _interrupted
    _interrupted = True
    signal.default_int_handler(signum, frame)


def watch_for_interrupts(terminates: bool = False) -> Callable[[], None]:
    """From now on note the signal of Ctrl-C, which a KeyboardInterrupt that code raises lacks.

    Args:
        terminates: whether to take a request to terminate for Ctrl-C, so that the run ends with its record.

    Returns:
        What restores the handlers.
    """
    global _watched
    wanted: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}
    if terminates:
        wanted[signal.SIGTERM] = signal.SIG_DFL
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: now for number, now in wanted.items() if signal.getsignal(number) == now}
        for number in before:
            signal.signal(number, _interrupt)
        # Where the signal is ignored, as in the background of a shell, no KeyboardInterrupt is a person's.
        _watched = _watched or signal.SIGINT in before or signal.getsignal(signal.SIGINT) == signal.SIG_IGN

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore


def _let_through(error: BaseException) -> None:
    """Raise an exception again if a person's Ctrl-C is its reason, or may be."""
    if isinstance(error, KeyboardInterrupt) and (_interrupted or not _watched):
        raise error


def contained(error: BaseException) -> Exception:
    """An exception of foreign code that nothing between here and the test takes for its own.

    SystemExit, KeyboardInterrupt, pytest's outcomes and whatever else is no `Exception` would end the run, or
    pass for a verdict of the suite. These become `UnfitError`; any `Exception` stays what it is.

    Raises:
        KeyboardInterrupt: a person interrupts the run.
    """
    _let_through(error)
    return error if isinstance(error, Exception) else UnfitError(f"raised {named(error)}")


def place_in(error: BaseException) -> str:
    """Where foreign code raised, as "file:line", and the line of the loaded file that led there; or ""."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}" if error.lineno else error.filename
    return _place(traceback.extract_tb(error.__traceback__))


def _place(stack: traceback.StackSummary) -> str:
    """The innermost frame of foreign code, and the outermost: those called by a frame of this package."""
    own = [i for i, frame in enumerate(stack) if frame.filename.startswith(OWN)]
    called = stack[own[-1] + 1 :] if own else stack
    frames = [f for f in called if not f.filename.startswith("<frozen ") and f.filename != importlib.__file__]
    places = list(dict.fromkeys(f"{frame.filename}:{frame.lineno}" for frame in frames))
    return f"{places[-1]}, from {places[0]}" if len(places) > 1 else "".join(places)


@contextmanager
def loading(option: str, name: str, seconds: int) -> Iterator[None]:
    """Around code of somebody else that an option has the suite load.

    Args:
        option: which.
        name: its value.
        seconds: how long the code may take, after which the process ends with status 4; 0: for ever.

    Raises:
        pytest.UsageError: the code raises something.
    """
    timer = threading.Timer(seconds, _give_up, (option, name, seconds))
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    except pytest.UsageError:
        raise
    except BaseException as error:
        raised = contained(error)
        what = message_of(raised) if isinstance(raised, UnfitError) else named(raised)
        where = place_in(error)
        raise pytest.UsageError(f"{option}: {name}: {what}{f' ({where})' if where else ''}") from None
    finally:
        timer.cancel()


def _give_up(option: str, name: str, seconds: int) -> None:
    """End the process: a thread cannot end what another one does."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    where = _place(traceback.extract_stack(frame)) if frame else ""
    line = f"ERROR: {option}: {name}: loading it did not end within {seconds} s (--hang)"
    os.write(2, f"{line}{f': it is at {where}' if where else ''}\n".encode(errors="backslashreplace"))
    os._exit(4)
