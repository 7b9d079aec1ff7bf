"""Scenarios and tests run with the suite's own pytest plugin."""

pytest_plugins = ["conformance.plugin"]
