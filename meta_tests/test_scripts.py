"""What scripts are made of: literals that make the same bits again, and comments that stay comments."""

from __future__ import annotations

import ast
from itertools import product

import numpy as np
import pytest
import torch

from conformance import foreign, scripts
from conformance.bounds import elements_of
from conformance.running import to_torch
from reference import FORMATS, Array
from strategies import Case, literal
from strategies.case import number

ODD = [0.0, -0.0, 1.0, -1.5, np.nan, np.inf, -np.inf]


def extremes(name: str) -> Array:
    """Numbers of a format that are easily written otherwise."""
    form = FORMATS[name]
    ends = [form.max, -form.max, form.smallest_normal, form.smallest_subnormal, -form.smallest_subnormal]
    return np.array([*ODD, *ends, float(form.nearest(np.array(1 / 3)))])


REAL = {
    **{f"extremes-{name}": (name, extremes(name)) for name in FORMATS},
    "0-d": ("float16", np.array(-0.0)),
    "empty": ("bfloat16", np.empty((0, 3))),
    "empty-inside": ("float64", np.empty((2, 0, 3))),
    "zeros-of-both-signs": ("float32", np.where(np.arange(200) % 7, 0.0, -0.0)),
    "negative-zeros": ("float32", np.full((70_000, 1), -0.0)),
    "nans": ("float64", np.full(100, np.nan)),
    "repeated-rows": ("float32", np.tile([[1.0, -0.0, np.nan], [np.inf, 2.0, 3.0]], (20_000, 1))),
    "repeated-columns": ("float32", np.tile([[[1.0, 2.0]], [[3.0, 4.0]]], (1, 50, 1))),
    "all-different": ("float64", np.arange(100.0).reshape(4, 25) / 3),
}
INTEGERS = {
    **{
        name: np.array([np.iinfo(name).min, np.iinfo(name).max, 0, 1], name)
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
    "bool": np.array([[True], [False]]),
    "many-bools": np.arange(200).reshape(2, 100) % 2 == 0,
    "complex": np.array([complex(*parts) for parts in product(ODD, ODD)]),
    "one-complex": np.array(complex(-0.0, np.nan)),
    "labels": np.tile([2, 0, 1], 300),
    "no-labels": np.empty(0, np.int64),
}


def bits(tensor: torch.Tensor) -> object:
    """All that there is of a tensor; any nan is as good as another."""
    parts = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    if parts.is_floating_point():
        parts = torch.where(parts.isnan(), torch.nan, parts.double())
    return tensor.dtype, tensor.shape, parts.numpy().tobytes()


@pytest.mark.parametrize(("name", "array"), REAL.values(), ids=REAL)
def test_a_literal_makes_the_same_bits_again(name: str, array: Array) -> None:
    text = literal(array, FORMATS[name])
    made = eval(text, {"torch": torch})
    assert bits(made) == bits(to_torch(array, name, "cpu"))
    assert made.is_contiguous()


@pytest.mark.parametrize("array", INTEGERS.values(), ids=INTEGERS)
def test_a_literal_of_what_is_not_real_makes_the_same_bits_again(array: Array) -> None:
    made = eval(literal(array, FORMATS["float32"]), {"torch": torch})
    assert bits(made) == bits(torch.tensor(array))


@pytest.mark.parametrize("name", ["negative-zeros", "repeated-rows"])
def test_a_literal_of_many_rows_is_short(name: str) -> None:
    assert len(literal(REAL[name][1], FORMATS["float32"])) < 120


@pytest.mark.parametrize(
    "value",
    [
        *ODD,
        True,
        None,
        3,
        "it's",
        (2,),
        (1, -np.inf),
        [np.nan],
        np.float64(0.5),
        np.int64(2),
        np.float32(np.inf),
        1e-45,
    ],
    ids=repr,
)
def test_an_option_is_written_as_it_is(value: object) -> None:
    again = eval(number(value), {"np": np})
    assert type(again) is type(value)
    assert repr(again) == repr(value)


@pytest.mark.parametrize("name", FORMATS)
def test_the_comment_of_a_number_is_the_number(name: str) -> None:
    for x in extremes(name):
        printed = str(eval(literal(np.array(x), FORMATS[name]), {"torch": torch}).item())
        assert printed == f"{float(x)!r}"


class BrokenError(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("one\ntwo\r\nthree\x0bfour\u2028five"),
        ValueError("'quoted' \"twice\" '''thrice''' \"\"\"four\"\"\" \\"),
        KeyError("\udc80 alone"),
        TypeError("\0 nothing \x1b[31m red \u202e backwards"),
        RuntimeError("long " * 100_000),
        RuntimeError("many\n" * 90_000),
        RuntimeError(""),
        RuntimeError("\n"),
        BrokenError(),
    ],
    ids=lambda error: f"{type(error).__name__}-{len(error.args and error.args[0])}",
)
def test_what_an_exception_says_stays_a_comment(error: Exception) -> None:
    told = foreign.told(error)
    lines = scripts.commented("print(got)", told)
    assert [ast.dump(node) for node in ast.parse("\n".join(lines)).body] == [
        ast.dump(node) for node in ast.parse("print(got)").body
    ]
    assert told.startswith(f"raised {type(error).__name__}")
    assert sum(map(len, lines)) < 25_000
    "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("shapes", "elements"),
    [
        ({"input": (3, 5), "target": (3, 5)}, 15),
        ({"input": (300, 1), "target": (1, 200)}, 60_000),
        ({"input": (4, 6), "target": (4,)}, 24),
        ({"input": (100, 16), "linear_weight": (50, 16), "target": (100,)}, 80_000),
        ({}, 1),
    ],
)
def test_threads_are_set_where_there_is_work_for_several(
    shapes: dict[str, tuple[int, ...]], elements: int
) -> None:
    case = Case("any", FORMATS["float32"], {name: np.zeros(shape) for name, shape in shapes.items()})
    assert elements_of(case) == elements
    lines = scripts.head("cpu", ["got = F.any()"], elements)
    assert ("torch.set_num_threads(1)" in lines) == (elements > 2**15)


def test_the_head_has_what_the_code_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "_plugins", ("some.backend",))
    assert scripts.head("cpu", ["print(1)"]) == ["import torch", ""]
    code = ["x = np.array(1)", "copy.deepcopy(F.l1_loss)"]
    assert scripts.head("toy:1", code) == [
        "import copy",
        "import numpy as np",
        "import torch",
        "import some.backend",
        "import torch.nn.functional as F",
        "",
        "torch.set_default_device('toy:1')",
    ]
    monkeypatch.setenv(scripts.CAPABILITY, "default")
    assert "os.environ['ATEN_CPU_CAPABILITY'] = 'default'" in scripts.head("cpu", [])
