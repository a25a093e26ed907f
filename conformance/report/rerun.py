"""The command that runs a test of a record again, as it was run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from ..options import EXAMPLES
from .record import Settings

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
    return f"{variables}pytest ", "".join(f" {shlex.quote(word)}" for word in options(settings))


def options(settings: Settings) -> Iterator[str]:
    """The options of a run that differ from their defaults, as words of a command line."""
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
    if profile in EXAMPLES:
        defaults["examples"] = EXAMPLES[profile]
    if profile == "nightly":
        defaults["seed"] = None
    return defaults
