"""A record is read as it was written, and refused in one line if it is damaged or contradicts itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.__main__ import main
from conformance.report import record as record_module
from conformance.report.markdown import summary
from conformance.report.page import page
from conformance.report.record import Record, RecordError, check_cell, read, write
from conformance.report.typed_json import SchemaError

from .records import cell, example_record

SMALL = example_record(
    cells=[cell(worst=0.5, ulp=1.0, ulps=[3, 1], examples=2), cell(dtype="float64")], planned=2
)
# All that no person and no format can take: not a character, a control of the terminal, illegal in XML.
NASTY = "a\udc80 \x00 \x1b[31m \x9b \ufffe \r\n</script>]]>\t\u2713"


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A record in whose JSON something was changed."""
    path = tmp_path / "record.json"
    write(SMALL, path)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return path


def refusal(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that says why a record is refused, and names the file."""
    with pytest.raises(SystemExit) as ended:
        main(["report", str(path)])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert not said.out
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("worst", float("nan"), "must be a finite number, and is nan"),
        ("worst", float("inf"), "must be a finite number, and is inf"),
        ("ulp", float("-inf"), "must be a finite number, and is -inf"),
        ("side", float("nan"), "must be a finite number, and is nan"),
        ("worst", -0.5, "must be at least 0"),
        ("ulp", -1, "must be at least 0"),
        ("seconds", -1e-9, "must be at least 0"),
        ("seconds", 10**400, "must be a number"),
        ("examples", -1, "must be at least 0"),
        ("examples", float("nan"), "must be a whole number"),
        ("examples", 1.5, "must be a whole number"),
        ("examples", True, "must be a whole number"),
        ("examples", 2**64, "must be at most"),
        ("ulps", [1, -1], "[1] must be at least 0"),
        ("ulps", [1] * 65, "has 65 bins"),
        ("known", {"x": -1}, "['x'] must be at least 0"),
        ("untested", {"x": 10**400}, "['x'] must be at most"),
        ("outcome", "fine", "is none of conforms"),
        ("outcome", "x" * 10**6, "is none of conforms"),
        ("failure", "a\udc80", "half of a surrogate pair"),
        ("untested", {"a\udc80": 1}, "half of a surrogate pair"),
        ("colour\n", "red", "unknown key 'colour\\n'"),
    ],
)
def test_a_figure_or_text_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, value: object, words: str
) -> None:
    path = changed(tmp_path, lambda data: data["cells"][1].update({name: value}))
    line = refusal(path, capsys)
    for word in (str(path), "cells[1]", name.strip(), words, "--report"):
        assert word in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data["cells"].append(data["cells"][0]), "2 of them have the id 'conformance/test_val"),
        (lambda data: data.update(planned=1), "planned is 1, and there are 2 cells"),
        (lambda data: data.update(planned=3), "complete is true, and only 2 of 3 planned cells"),
        (lambda data: data["settings"].update(seed=-1), "settings.seed must be at least 0"),
        (lambda data: data.update(planned="six"), "planned must be a whole number, and is text"),
        (lambda data: data.update(torch={}), "torch has no 'version'"),
    ],
)
def test_a_record_that_contradicts_itself_or_the_schema_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Any], object], words: str
) -> None:
    path = changed(tmp_path, change)
    line = refusal(path, capsys)
    assert words in line
    assert str(path) in line


WHOLE = b'{"version": 1}'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "run the suite again with --report"),
        (b"[]", "the file must be an object"),
        (b"{}", "the file has no 'version'"),
        (b'{"version": 0}', "schema version 0, and this suite reads 1"),
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xef\xbb\xbf" + WHOLE, "byte order mark"),
        (WHOLE.decode().encode("utf-16"), "damaged"),
        (b'{"a": "\xff"}', "damaged"),
        (b'{"a": "\xed\xb2\x80"}', "damaged"),  # a surrogate as UTF-8 may not have it
        (WHOLE + b"}", "Extra data"),
        (b'{"version": 1, "version": 1}', "the key 'version' is there twice"),
        (b'{"version": ' + b"9" * 5000 + b"}", "a number has 5,000 digits"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'{"a":' * 200_000, "it is nested too deeply"),
        (b"null", "the file must be an object"),
    ],
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    line = refusal(path, capsys)
    assert words in line
    assert str(path) in line


def test_what_is_no_file_of_its_size_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder" / "record.json").mkdir(parents=True)
    assert "Is a directory" in refusal(tmp_path / "folder", capsys)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert "no regular file" in refusal(path, capsys)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "symbolic links" in refusal(tmp_path / "loop", capsys)
    assert "name too long" in refusal(tmp_path / ("x" * 300), capsys)
    assert "No such file" in refusal(tmp_path / "a\nb", capsys)
    monkeypatch.setattr(Path, "read_bytes", lambda self: (_ for _ in ()).throw(PermissionError(13, "no")))
    write(SMALL, tmp_path / "record.json")
    assert "no; a record is" in refusal(tmp_path, capsys)
    monkeypatch.undo()
    monkeypatch.setattr(record_module, "LARGEST", 100)
    assert "larger than 100 bytes" in refusal(tmp_path, capsys)


def test_every_figure_that_a_run_makes_is_read_back(tmp_path: Path) -> None:
    most = 1.7976931348623157e308  # rounded to four digits it would be infinite
    made = cell(worst=most, ulp=5e-324, seconds=1e-7, ulps=[2**40], side=-1.0, known={"x": 1})
    settings = replace(SMALL.settings, seed=10**1000)
    record = replace(SMALL, cells=[made], planned=1, settings=settings)
    write(record, tmp_path / "record.json")
    assert read(tmp_path).cells == [made]
    assert read(tmp_path).settings == settings
    assert "Infinity" not in page(record)


@pytest.mark.parametrize("name", ["worst", "ulp", "seconds", "side"])
def test_a_cell_that_could_not_be_read_back_is_found_before_it_is_written(name: str) -> None:
    with pytest.raises(SchemaError, match=name):
        check_cell(cell(**{name: float("inf")}))


def nasty() -> Record:
    """A record whose texts are hostile."""
    cells = [
        cell(outcome="diverges", failure=NASTY),
        cell(outcome="not tested", reason=NASTY, dtype="float64"),
        cell(untested={NASTY: 1}, where=NASTY, worst=0.5, ulp=1.0, ulps=[1], examples=1, dtype="float16"),
    ]
    return replace(SMALL, cells=cells, planned=3, complete=False, incomplete_because=NASTY)


def test_hostile_text_is_written_and_read(tmp_path: Path) -> None:
    write(nasty(), tmp_path / "record.json")
    record = read(tmp_path / "record.json")
    assert record.cells[0].failure == NASTY.replace("\udc80", "\\udc80")
    write(record, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "record.json").read_bytes()


@pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
def test_hostile_text_is_shown_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    write(nasty(), tmp_path / "record.json")
    for output in ([], ["--output", str(tmp_path / "told")]):
        assert main(["report", str(tmp_path / "record.json"), "--format", form, *output]) == 0
        told = capsys.readouterr().out if not output else (tmp_path / "told").read_text(encoding="utf-8")
        assert not set(told) & set("\udc80\x00\x1b\x9b\ufffe\r")
        assert "\\x00" in told.replace("\\\\", "\\")
    if form == "html":
        assert "</script>]]>" not in told


def test_the_pages_of_a_run_take_any_text() -> None:
    for render in (page, summary):
        assert render(nasty())


def test_an_unknown_loss_of_a_record_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = replace(SMALL.settings, losses=["brand_new_loss"])
    record = replace(SMALL, cells=[cell(loss="brand_new_loss")], planned=1, settings=settings)
    write(record, tmp_path / "record.json")
    assert main(["report", str(tmp_path)]) == 0
    assert "brand_new_loss" in capsys.readouterr().out


def test_record_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="absent"):
        read(tmp_path / "absent")
