"""A file of known divergences is read, and each thing that is wrong with it is told in a line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from conformance.divergences import DIVERGENCES, Divergence, read_records
from conformance.divergences.checking import problem_of
from conformance.divergences.divergence import Witness
from conformance.divergences.outcomes import Computes

from .test_loading import one_error

HEAD = """
from conformance.divergences import Divergence
from conformance.divergences.outcomes import Computes
from conformance.divergences.divergence import Witness

"""
WITNESS: dict[str, Any] = {"loss": "l1_loss", "code": "x = 1.0\nx", "gives": 2.0, "truth": 1.0}
RECORD = {
    "id": "mine", "kind": "accuracy", "severity": "ordinary", "instead": Computes(), "reason": "it is so",
    "witnesses": (Witness(**WITNESS),),
}  # fmt: skip


def made(**fields: Any) -> Divergence:
    """A record that means something but for some fields; those of a witness are of its only one."""
    witness = {name.removeprefix("witness_"): fields.pop(name) for name in [*fields] if "witness_" in name}
    of_witness = {"witnesses": (Witness(**{**WITNESS, **witness}),)} if witness else {}
    return Divergence(**{**RECORD, **of_witness, **fields})


def call(**fields: str) -> str:
    """The same as Python code of a record."""
    given = {name: repr(value) for name, value in RECORD.items()} | {"instead": "Computes()"} | fields
    return f"Divergence({', '.join(f'{name}={code}' for name, code in given.items())})"


def test_every_record_of_the_registry_means_something() -> None:
    assert [(record.id, problem) for record in DIVERGENCES if (problem := problem_of(record))] == []
    assert problem_of(made()) is None
    bounds = {"since": "2.6", "until": "2.13.0rc1", "devices": ("cuda",)}
    assert problem_of(made(**bounds, of=("gradient", "second"), witness_of="second")) is None
    assert problem_of(made(witness_gives="TypeError")) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": 7}, "id must be a text, got 7"),
        ({"id": ""}, "id must be a text, got ''"),
        ({"id": "my record"}, "id 'my record' must consist of letters, digits"),
        ({"id": "nll_loss-mine"}, "id names nll_loss, and witnesses are of l1_loss"),
        ({"kind": None}, "kind must be a text, got None"),
        ({"kind": "wrong"}, "kind has the unknown name 'wrong' (valid: overflow, "),
        ({"severity": 1}, "severity must be a text, got 1"),
        ({"severity": "fatal"}, "severity has the unknown name 'fatal' (valid: ordinary, corner, "),
        ({"of": "gradient"}, "of must be a tuple of texts such as ('value',), got 'gradient'"),
        ({"of": ("hessian",)}, "of has the unknown name 'hessian' (valid: value, gradient, "),
        ({"of": ()}, "of is empty, so the record is about nothing"),
        ({"formats": ("float8",)}, "formats has the unknown name 'float8' (valid: float64, "),
        ({"formats": "float32"}, "formats must be a tuple of texts such as ('float32',), got 'float32'"),
        ({"formats": ()}, "formats is empty"),
        ({"of": ("way",), "ways": ("sideways",)}, "ways has the unknown name 'sideways' (valid: stepped, "),
        ({"of": ("way",), "ways": ["vmap"]}, "ways must be a tuple of texts such as ('vmap',), got ['vmap']"),
        ({"of": ("value", "way")}, "ways must name those in which it diverges"),
        ({"ways": ("vmap",)}, "ways has no meaning where of is ('value',)"),
        ({"since": "newest"}, "since must be a version such as '2.13', or None, got 'newest'"),
        ({"until": 2.13}, "until must be a version such as '2.13', or None, got 2.13"),
        ({"since": "2.10", "until": "2.9"}, "since 2.10 is not before until 2.9"),
        ({"since": "2.9", "until": "2.9"}, "since 2.9 is not before until 2.9"),
        ({"devices": ("gpu",)}, "devices has 'gpu': give a type of device"),
        ({"devices": ("cuda:0",)}, "devices has 'cuda:0': give a type of device"),
        ({"reason": " "}, "reason must be a text"),
        ({"witnesses": ()}, "witnesses must be a tuple of at least one Witness, got ()"),
        ({"witnesses": Witness("l1_loss", "1.0", 2, 1)}, "witnesses must be a tuple of at least one Witness"),
        ({"witnesses": [Witness("l1_loss", "1.0", 2, 1)]}, "witnesses must be a tuple of at least one Wit"),
        ({"witnesses": ("F.l1_loss()",)}, "of at least one Witness, got ('F.l1_loss()',)"),
        ({"witness_loss": "l2_loss"}, "witnesses[0]: loss has the unknown name 'l2_loss' (valid: l1_loss, "),
        ({"witness_loss": None}, "witnesses[0]: loss must be a text, got None"),
        ({"witness_loss": ["l1_loss"]}, "witnesses[0]: loss must be a text, got ['l1_loss']"),
        ({"witness_of": "gradient"}, "witnesses[0]: of is 'gradient', and the record is of value"),
        ({"witness_of": 3}, "witnesses[0]: of is 3, and the record is of value"),
        ({"witness_code": ""}, "witnesses[0]: code must be a text, got ''"),
        ({"witness_code": "1 +"}, "witnesses[0]: code, line 1: invalid syntax"),
        ({"witness_code": "x = (\n1"}, "witnesses[0]: code, line 1: '(' was never closed"),
        ({"witness_code": "x = 1"}, "the last line must be an expression"),
        ({"witness_code": "1\0"}, "code, line 1: source code string cannot contain null bytes"),
        ({"witness_gives": 1}, "witnesses[0]: gives 1 is truth 1.0, so nothing diverges"),
        ({"witness_gives": float("nan"), "witness_truth": float("nan")}, "gives nan is truth nan"),
        ({"witness_gives": None}, "gives must be a number or the name of an exception, got None"),
        ({"witness_truth": True}, "truth must be a number or the name of an exception, got True"),
        ({"instead": None}, "instead must be an outcome such as Computes({'l1_loss': formula}) of "),
        ({"instead": lambda mismatch: True}, "instead must be an outcome such as Computes("),
        ({"instead": Computes}, "instead.explains must take one argument, a mismatch (missing a required"),
        ({"instead": type("Own", (), {"explains": lambda self: True})()}, "(too many positional"),
        ({"upstream": None}, "upstream must be a text, got None"),
    ],
)  # fmt: skip
def test_a_record_that_means_nothing_says_so(fields: dict[str, Any], words: str) -> None:
    problem = problem_of(made(**fields))
    assert problem is not None
    assert words in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("file", "source", "words"),
    [
        ("none.py", None, "there is no such file"),
        ("", None, "it is a folder; name a Python file in it"),
        ("/dev/null", None, "it is no regular file; name a Python file"),
        ("known.txt", "", "must end in .py"),
        ("known.py", "1 / 0", "known.py: ZeroDivisionError: division by zero ("),
        ("known.py", "\n1 +", "known.py: SyntaxError: invalid syntax"),
        ("known.py", b"x = '\xe9'", "known.py: SyntaxError: (unicode error)"),
        ("known.py", "import sys\nsys.exit(0)", "known.py: raised SystemExit: 0 ("),
        ("known.py", "raise KeyboardInterrupt", "known.py: raised KeyboardInterrupt ("),
        ("known.py", "import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("known.py", "", "it must define DIVERGENCES, a list of conformance.divergences.Divergence"),
        ("known.py", "DIVERGENCES = 'l1_loss'", "it must define DIVERGENCES, a list of conf"),
        ("known.py", "DIVERGENCES = {}", "Divergence, not a dict of 0"),
        ("known.py", "DIVERGENCES = (x for x in [])", "Divergence, not a generator"),
        ("known.py", "DIVERGENCES = [7]", "DIVERGENCES[0] is an int, not a conformance."),
        ("known.py", f"{HEAD}DIVERGENCES = [Divergence('mine')]", "TypeError: Divergence.__init__() missing"),
        ("known.py", f"{HEAD}DIVERGENCES = [{call(kind='3')}]", "mine: kind must be a text, got 3"),
        ("known.py", f"{HEAD}DIVERGENCES = [{call(instead='3')}]", "mine: instead must be an outcome such"),
        ("known.py", f"{HEAD}DIVERGENCES = [{call(witnesses='3')}]", "mine: witnesses must be a tuple of at"),
        ("known.py", f"{HEAD}DIVERGENCES = [{call(witnesses='(Witness(1),)')}]", "Witness.__init__() miss"),
        ("known.py", f"{HEAD}DIVERGENCES = [{call(id='3')}]", "DIVERGENCES[0]: id must be a text, got 3"),
        ("known.py", f"{HEAD}DIVERGENCES = [{call()}, {call()}]", "mine: another record of the file has"),
        ("known.py", f"{HEAD}DIVERGENCES = [{call(id=repr('overflow'))}]", "a record of torch has"),
    ],
)  # fmt: skip
def test_a_bad_registry_ends_in_one_line(
    tmp_path: Path, file: str, source: str | bytes | None, words: str
) -> None:
    path = tmp_path / file
    if source is not None:
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
    with pytest.raises(pytest.UsageError) as caught:
        read_records(str(path), {record.id for record in DIVERGENCES})
    message = str(caught.value)
    assert message.startswith(f"--registry: {path}: ")
    assert "\n" not in message
    assert words in message


WITNESSES = (
    "write witnesses=(Witness(loss, code, gives, truth),), a tuple of conformance.divergences.divergence"
)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (call(covers="bool"), "no field 'covers' any more: write instead, such as Computes({'l1_loss': form"),
        (call(loss="'l1_loss'"), f"no field 'loss' any more: {WITNESSES}"),
        (call(witness="'1.0'"), f"no field 'witness' any more: {WITNESSES}"),
        (call(gives="1.0"), f"no field 'gives' any more: {WITNESSES}"),
        (call(truth="1.0"), f"no field 'truth' any more: {WITNESSES}"),
        ("Divergence('mine', 'l1_loss', 'nan', bool, 'so', '1', 2.0, 1.0)", f"'loss' any more: {WITNESSES}"),
        (f"record for record in [{call()}] if record.loss", f"no field 'loss' any more: {WITNESSES}"),
        (f"record for record in [{call()}] if record.covers(3)", "no field 'covers' any more: write instead"),
    ],
)  # fmt: skip
def test_a_registry_with_former_fields_says_what_to_write(tmp_path: Path, code: str, words: str) -> None:
    path = tmp_path / "known.py"
    path.write_text(f"{HEAD}DIVERGENCES = [{code}]\n")
    with pytest.raises(pytest.UsageError) as caught:
        read_records(str(path))
    message = str(caught.value)
    assert message.startswith(f"--registry: {path}: ")
    assert "\n" not in message
    assert words in message
    assert "mine: " in message or f"({path}:6)" in message, message


def test_an_unreadable_registry_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "known.py"
    path.write_text("")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read any file")
    with pytest.raises(pytest.UsageError, match=r"known\.py: PermissionError: "):
        read_records(str(path))


def test_no_registry_ends_in_one_line(tmp_path: Path) -> None:
    assert one_error("--registry=", path=tmp_path) == "ERROR: --registry: it must name a Python file"


def test_a_registry_may_be_at_home_and_define_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    body = f"@dataclass\nclass Own:\n    x: int\n\nDIVERGENCES = ({call()},)\n"
    (tmp_path / "known.py").write_text(own + HEAD + body)
    assert [record.id for record in read_records("~/known.py")] == ["mine"]
