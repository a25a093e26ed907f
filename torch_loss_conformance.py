"""What the installed distribution adds to pytest: a hint where pytest cannot find the suite.

Pytest looks for its settings beside the paths on its command line before it knows any option of the suite. A
path that follows such an option after a space, outside the checkout, leads it away from the checkout, so that
it knows neither the suite nor its options.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

OPTIONS = ("--report", "--registry")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """End with the command to write instead.

    Raises:
        pytest.UsageError: a path after an option of the suite leads pytest away from the suite.
    """
    here = early_config.invocation_params.dir
    if not (here / "conformance" / "plugin.py").is_file() or early_config.inipath == here / "pyproject.toml":
        return
    for option, value in itertools.pairwise(args):
        if option in OPTIONS and (here / value).exists():
            raise pytest.UsageError(
                f"{option}: pytest looks for its settings at {value!r}, outside the checkout; "
                f"write {option}={Path(value)}"
            )
