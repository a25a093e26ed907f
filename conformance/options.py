"""The suite's command-line options: what they are, and how their values are checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from types import ModuleType

import pytest
from hypothesis import Phase, settings

from reference import FORMATS

# The profiles, and how many examples a cell gets.
EXAMPLES = {"dev": 100, "ci": 100, "nightly": 2000}
PLAIN = "plain"
# The largest number that every platform takes as a count of seconds or examples.
LARGEST = 2**31 - 1
LARGEST_SEED = 2**64 - 1
# Packages of plugins without which no test runs anyway.
OWN_PLUGINS = ("_pytest", "pytest", "xdist", "conformance")

# Examples are a matter of the cell: no deadline, and no database that a later run would depend on.
# Neither explicit examples, nor an explanation in place of our own.
PHASES = (Phase.generate, Phase.shrink)


def register_profiles() -> None:
    """Make the profiles that ``--hypothesis-profile`` can name, and load the default one."""
    settings.register_profile(
        "dev", max_examples=EXAMPLES["dev"], deadline=None, derandomize=True, database=None, phases=PHASES
    )
    settings.register_profile("ci", settings.get_profile("dev"), print_blob=True)
    # An audit also aims: at the largest error / bound.
    settings.register_profile(
        "nightly", max_examples=EXAMPLES["nightly"], deadline=None, database=None, print_blob=True,
        phases=(Phase.generate, Phase.target, Phase.shrink),
    )  # fmt: skip
    settings.load_profile("dev")


def add_options(parser: pytest.Parser) -> None:
    """Add the suite's options to those of pytest."""
    group = parser.getgroup("conformance", "torch-loss-conformance")
    group.addoption(
        "--loss", action="append", default=[], metavar="NAME",
        help="test this loss only; name of the functional or of the module; repeatable",
    )  # fmt: skip
    group.addoption(
        "--device", action="append", default=[], metavar="DEVICE",
        help="test on this device only, as torch spells it; repeatable; default: cpu, cuda, and "
        "whatever other accelerator torch finds",
    )  # fmt: skip
    group.addoption(
        "--dtype", action="append", default=[], metavar="NAME",
        help=f"test this format only: {', '.join(FORMATS)}; repeatable",
    )  # fmt: skip
    group.addoption(
        "--way", action="append", default=[], metavar="NAME",
        help=f"run only this execution mode; repeatable; {PLAIN} selects the tests that call torch directly; "
        "an unknown name lists the others",
    )  # fmt: skip
    group.addoption(
        "--examples", metavar="N",
        help="examples per cell (loss, reduction, dtype, device); default: the profile's, 100",
    )  # fmt: skip
    group.addoption(
        "--implementation", metavar="NAME",
        help="test this in place of torch.nn.functional: package.module:attribute, which is a loss or "
        "holds losses; package.module, which holds losses; or an entry point that leads to one of these",
    )  # fmt: skip
    group.addoption(
        "--registry", metavar="FILE.py",
        help="a Python file that defines DIVERGENCES: the known divergences of your implementation; without "
        "--implementation, extra ones for torch",
    )  # fmt: skip
    group.addoption(
        "--require-tested", metavar="PERCENT",
        help="exit with status 6 if less than this share of the selected cells gets a verdict on any "
        "available device; default: the run must test something",
    )  # fmt: skip
    group.addoption(
        "--report", metavar="DIR",
        help="write a record of the run (record.json), a page (report.html) and a Markdown summary "
        "(summary.md) into this folder, in place of an earlier run's",
    )  # fmt: skip
    group.addoption(
        "--progress", metavar="SECONDS", default="60",
        help="seconds between progress lines; default: 60; 0: none",
    )  # fmt: skip
    group.addoption(
        "--hang", metavar="SECONDS", default="300",
        help="if torch takes longer than this for one case, report the case and end the process; "
        "default: 300; 0: never",
    )  # fmt: skip


def profile(config: pytest.Config) -> str | None:
    """The profile that ``--hypothesis-profile`` names, if any."""
    name: str | None = config.getoption("hypothesis_profile", None)
    return name


def check_names(option: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Check that all names given to an option are known.

    Raises:
        pytest.UsageError: one is not; the message names the closest one and lists all.
    """
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise pytest.UsageError(f"{option}: unknown name {name!r}{hint} (valid: {', '.join(known)})")


def whole_number(option: str, text: str, least: int, most: int = LARGEST) -> int:
    """The value of an option that takes a whole number.

    Raises:
        pytest.UsageError: the text is no whole number, or out of range.
    """
    number = int(text) if text.isdecimal() and len(text) <= len(str(most)) else -1
    if not least <= number <= most:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise pytest.UsageError(f"{option}: must be a whole number from {least} to {most}, got {shown!r}")
    return number


def set_examples(text: str, profile: str) -> None:
    """Change the number of examples of a profile, whoever loads it and whenever.

    Raises:
        pytest.UsageError: the text is no whole number, or out of range.
    """
    examples = whole_number("--examples", text, least=1)
    # Hypothesis loads the profile that its option names after this, so a profile of another name would lose.
    settings.register_profile(profile, settings.get_profile(profile), max_examples=examples)
    settings.load_profile(profile)


def plugin_modules(config: pytest.Config) -> list[str]:
    """The modules of other people that ``-p`` names: one may have registered the device that is tested."""
    plugins = map(config.pluginmanager.get_plugin, config.option.plugins)
    names = [plugin.__name__ for plugin in plugins if isinstance(plugin, ModuleType)]
    return [name for name in names if name.split(".")[0] not in OWN_PLUGINS]
