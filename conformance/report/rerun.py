"""The command that runs a test of a record again, as it was run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from .. import plugin  # which registers the profiles
from .record import Settings

AGAIN = "Run this again:"
# Options, and what the settings call them; one whose values are a list is repeated.
OPTIONS = {
    "-p": "plugins",
    "--loss": "losses",
    "--device": "devices",
    "--dtype": "dtypes",
    "--way": "ways",
    "--hypothesis-profile": "profile",
    "--examples": "examples",
    "--hypothesis-seed": "seed",
    "--implementation": "implementation",
    "--registry": "registry",
    "--hang": "hang",
}


def command(settings: Settings, nodeid: str, crashed: bool = False) -> str:
    """The command that runs a test again, for a shell in the checkout.

    Args:
        settings: of the run that the test was part of.
        nodeid: pytest's id of the test.
        crashed: whether it ended its process; then a worker runs it, whose end is reported.
    """
    before, after = around(settings)
    return f"{before}{shlex.quote(nodeid)}{after}{' -n 1' if crashed else ''}"


def around(settings: Settings) -> tuple[str, str]:
    """What stands before and after the id of a test in the command that runs it again."""
    variables = "".join(f"{name}={shlex.quote(value)} " for name, value in settings.environment.items())
    return f"{variables}pytest ", "".join(f" {shlex.quote(word)}" for word in _words(settings))


def _words(settings: Settings) -> Iterable[str]:
    """The options that differ from their defaults."""
    defaults = _defaults(settings.profile)
    for option, name in OPTIONS.items():
        value = getattr(settings, name)
        if value == defaults[name]:
            continue
        for word in dict.fromkeys(value if isinstance(value, list) else [value]):
            # What follows an option of ours as a word pytest may take for a place to look for its settings.
            yield from [f"{option}={word}"] if name == "registry" else [option, str(word)]


def _defaults(profile: str) -> dict[str, Any]:
    """The settings of a run whose only option is a profile; a nightly run has no seed of its own."""
    made = Settings("dev", 0, 0, True)
    defaults = {name: getattr(made, name) for name in OPTIONS.values()}
    if profile in plugin.PROFILES:
        defaults["examples"] = hypothesis_settings.get_profile(profile).max_examples
    if profile == "nightly":
        defaults["seed"] = None
    return defaults


def told_again(settings: Settings, report: pytest.TestReport, crashed: bool) -> Any:
    """What pytest is to show of a failure: what it would show, and the command that runs the test again."""
    words = f"\n\n{AGAIN}\n\n    {command(settings, report.nodeid, crashed)}\n"
    shown = report.longrepr
    return f"{shown}{words}" if isinstance(shown, str) else _Repeatable(shown, words)


class _Repeatable:
    """A representation of pytest's with words below it."""

    def __init__(self, shown: Any, words: str) -> None:
        self._shown, self._words = shown, words

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # before there is anything to ask
            raise AttributeError(name)
        return getattr(self._shown, name)

    def __str__(self) -> str:
        return f"{self._shown}{self._words}"

    def toterminal(self, terminal: Any) -> None:
        if hasattr(self._shown, "toterminal"):
            self._shown.toterminal(terminal)
        else:
            terminal.line(str(self._shown))
        for line in self._words.split("\n")[1:]:
            terminal.line(line)
