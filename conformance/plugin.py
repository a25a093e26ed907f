"""The pytest plugin as far as it needs no torch: options, and the hooks that follow once torch is there."""

from __future__ import annotations

import importlib

import pytest

from reference import FORMATS

from . import options, surroundings

options.register_profiles()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    options.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Let workers that are done take over tests of others: cells differ in cost a hundredfold."""
    option = config.option
    if getattr(option, "numprocesses", None) and option.dist == "no":  # without xdist there is no such option
        option.dist = "worksteal"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check that torch is there, so that its lack is reported in a line, and register the other hooks."""
    profile = options.profile(config)
    options.check_names("--hypothesis-profile", [profile] if profile else [], list(options.EXAMPLES))
    options.check_names("--dtype", config.option.dtype, FORMATS)
    surroundings.import_torch()
    # Pytest calls the pytest_configure of a plugin that is registered late.
    config.pluginmanager.register(importlib.import_module("conformance.hooks"), "conformance-hooks")
