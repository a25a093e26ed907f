"""The README's commands are those that CI runs, and its examples give what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import reference

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_ci_runs_the_commands_of_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    commands = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert len(commands) == 2
    for command in commands:
        assert command.split("/")[-1] in ci.splitlines()
        for requirement in re.findall(r"torch==\S+|'\.\[dev\]'", command):
            assert requirement in ci


def test_examples_of_the_oracle() -> None:
    value, derivative = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(value, names)
    assert reference.huber_loss([0.0, 2.0], [1.0, -1.0], reduction="none").tolist() == [0.5, 2.5]
    loss = names["loss"]
    assert isinstance(loss, reference.Tracked)
    np.testing.assert_allclose(float(loss.value), 1.3132616875182226)
    exec(derivative, names)
    gradient = names["gradient"]
    assert isinstance(gradient, reference.Tracked)
    np.testing.assert_allclose(gradient.value, [[-0.7310585786300049, 0.7310585786300049]])


def test_every_option_is_in_the_readme() -> None:
    plugin = (ROOT / "conformance" / "plugin.py").read_text()
    for option in re.findall(r'addoption\(\s*"(--[a-z]+)"', plugin):
        assert f"`{option} " in README, option
