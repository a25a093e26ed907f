"""The command that runs a test again has every option that shaped the run, and no other."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.report.markdown import summary
from conformance.report.page import page
from conformance.report.record import CellResult, Settings, read
from conformance.report.rerun import command

from .forked import run_script
from .records import example_record
from .test_options import ROOT, pytest_of_the_suite
from .test_report import BROKEN, VALUE, recorded

TEST = "conformance/test_value.py::test_value[l1_loss-mean-float32-cpu]"
DEFAULT = Settings("dev", 100, 0, True)
NIGHTLY = Settings("nightly", 2000, 4711, False)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (DEFAULT, ""),
        (replace(DEFAULT, losses=["CTCLoss", "l1_loss"]), "--loss CTCLoss --loss l1_loss"),
        (replace(DEFAULT, devices=["cpu", "cuda:1", "cpu"]), "--device cpu --device cuda:1"),
        (replace(DEFAULT, dtypes=["float16"], ways=["vmap"]), "--dtype float16 --way vmap"),
        (replace(DEFAULT, examples=7), "--examples 7"),
        (replace(DEFAULT, seed=3), "--hypothesis-seed 3"),
        (replace(DEFAULT, profile="ci"), "--hypothesis-profile ci"),
        (NIGHTLY, "--hypothesis-profile nightly --hypothesis-seed 4711"),
        (replace(NIGHTLY, seed=0), "--hypothesis-profile nightly --hypothesis-seed 0"),
        (
            replace(NIGHTLY, examples=100),
            "--hypothesis-profile nightly --examples 100 --hypothesis-seed 4711",
        ),
        (replace(DEFAULT, implementation="own:Mine.l1_loss"), "--implementation own:Mine.l1_loss"),
        (replace(DEFAULT, registry="/tmp/my records.py"), "'--registry=/tmp/my records.py'"),
        (replace(DEFAULT, plugins=["my_backend", "no:randomly"]), "-p my_backend -p no:randomly"),
        (replace(DEFAULT, hang=0), "--hang 0"),
        (replace(DEFAULT, selection=["-k value"]), ""),
    ],
)
def test_options_are_given_where_they_differ_from_their_defaults(settings: Settings, options: str) -> None:
    assert command(settings, TEST) == f"pytest '{TEST}' {options}".rstrip()
    assert command(settings, TEST, crashed=True) == f"pytest '{TEST}' {options}".rstrip() + " -n 1"


def test_a_variable_that_chooses_kernels_is_set() -> None:
    settings = replace(DEFAULT, environment={"ATEN_CPU_CAPABILITY": "default"})
    assert command(settings, TEST) == f"ATEN_CPU_CAPABILITY=default pytest '{TEST}'"


@pytest.mark.parametrize("name", ["it's", 'a "b"', "$HOME `id` \\", "a b\tc", "é-\\u2603", "[x]::y"])
def test_any_id_is_one_word_of_the_shell(name: str) -> None:
    nodeid = f"conformance/test_any.py::test_any[{name}]"
    assert shlex.split(command(DEFAULT, nodeid)) == ["pytest", nodeid]


def test_summary_and_page_give_the_command() -> None:
    record = example_record()
    failed = CellResult(TEST, "value", "diverges", "l1_loss", failure="wrong\n" * 2000)
    crashed = CellResult(TEST.replace("mean", "sum"), "value", "crashed", "l1_loss", reason="signal 11")
    settings = replace(record.settings, examples=7, plugins=["my_backend"])
    record = replace(record, cells=[failed, crashed], settings=settings)
    options = "-p my_backend --examples 7"
    for text in (summary(record), page(record).replace("&#39;", "'")):
        assert f"pytest '{failed.id}' {options}\n" in text.replace("</pre>", "\n").replace("</code>", "\n")
        assert f"pytest '{crashed.id}' {options} -n 1" in text
    assert "... and 8,000 more characters" in summary(record)


def test_a_record_of_before_has_a_command(tmp_path: Path) -> None:
    recorded(tmp_path, VALUE, "-k", "l1_loss and mean")
    path = tmp_path / "report" / "record.json"
    data = json.loads(path.read_text())
    assert data["settings"].pop("plugins", None) == ["no:cacheprovider"]
    assert "hang" not in data["settings"]
    path.write_text(json.dumps(data))
    told = command(read(path).settings, TEST)
    assert shlex.split(told)[2:] == shlex.split(
        "--loss huber_loss --loss l1_loss --device cpu --dtype float32 --examples 5"
    )


@pytest.mark.parametrize(
    ("what", "given", "words"),
    [
        ("os._exit(1)", [], "exit status 1 in huber_loss"),
        ("time.sleep(1000)", ["--hang", "2"], "no answer within 2 s in huber_loss"),
    ],
    ids=["crash", "hang"],
)
def test_a_crash_is_seen_again_and_a_chosen_seed_is_given(
    tmp_path: Path, what: str, given: list[str], words: str
) -> None:
    # That crashes are tried alone and shrunk has tests of its own, and takes long.
    untried = (
        "\ndef pytest_sessionstart():\n    import conformance.retrial\n    conformance.retrial.LEAST = 1000\n"
    )
    (tmp_path / "broken.py").write_text(BROKEN.format(what) + untried)
    options = ["-p", "broken", "--loss", "huber_loss", "--device", "cpu", "--dtype", "float32", *given]
    nightly = ["--hypothesis-profile", "nightly", "--examples", "2", "-n", "1", VALUE, "-k", "sum"]
    run = pytest_of_the_suite(*options, *nightly, path=tmp_path)
    assert run.returncode == 1
    told = shlex.split(run.stdout.split("Run this again:\n\n")[1].split("\n")[0])
    assert told[-2:] == ["-n", "1"]
    seed = told[told.index("--hypothesis-seed") + 1]
    assert f"seed {seed}" in run.stdout
    again = pytest_of_the_suite(*told[1:], path=tmp_path)
    assert again.returncode == 1
    assert words in again.stdout
    assert f"seed {seed}" in again.stdout
    told_case = run.stdout.split("The process ended in this case")[1]
    code = re.findall(r"\n\n((?:(?:    .*)?\n)+)", told_case)[0]
    script = f"import broken\n{textwrap.dedent(code)}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    if given:
        with pytest.raises(subprocess.TimeoutExpired):
            run_script(script, ROOT, environment, seconds=3)
    else:
        assert run_script(script, ROOT, environment, seconds=100).returncode == 1
