"""Loads the suite's pytest plugin; everything else is in conformance/plugin.py."""

pytest_plugins = ["conformance.plugin"]
