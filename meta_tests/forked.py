"""Runs of pytest and of scripts that begin where torch and pytest are imported, most of a short run.

They are forked from a process that has done nothing else, so that each is as good as new.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["numpy", "torch", "jinja2", "pytest"])


def run_pytest(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run pytest as ``python -m pytest`` would.

    Args:
        arguments: of the command line.
        folder: the working directory.
        environment: all of its variables.
        seconds: how long it may take.

    Raises:
        subprocess.TimeoutExpired: it takes longer, and is ended.
    """
    return _run(_pytest, list(arguments), folder, environment, seconds)


def run_script(
    code: str, folder: Path, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run Python code as ``python -c`` would.

    Args:
        code: Python.
        folder: the working directory.
        environment: all of its variables.
        seconds: how long it may take.

    Raises:
        subprocess.TimeoutExpired: it takes longer, and is ended.
    """
    return _run(_script, [code], folder, environment, seconds)


def _run(
    main: Callable[[list[str]], None],
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        given = (main, arguments, folder, dict(environment), out, err)
        process = _server.Process(target=_main, args=given)
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, seconds)
        return subprocess.CompletedProcess(arguments, process.exitcode, out.read_text(), err.read_text())


def _main(
    main: Callable[[list[str]], None],
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    out: Path,
    err: Path,
) -> None:
    for stream, path in (1, out), (2, err):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [str(folder), *filter(None, paths)]
    main(arguments)


def _pytest(arguments: list[str]) -> None:
    sys.argv = ["pytest", *arguments]
    import pytest

    sys.exit(pytest.console_main())


def _script(arguments: list[str]) -> None:
    exec(compile(arguments[0], "<script>", "exec"), {"__name__": "__main__"})
