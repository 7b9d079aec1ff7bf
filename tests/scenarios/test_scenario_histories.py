"""Every case has an id of its own in Allure's history, the same from run to run: it is made of the case's parameters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COLLECT = """
import pytest
class Told:
    def pytest_collection_finish(self, session):
        from allure_commons.model2 import Parameter
        from allure_pytest.utils import allure_full_name, get_history_id
        for item in session.items:
            values = getattr(getattr(item, "callspec", None), "params", {})
            told = get_history_id(allure_full_name(item), [Parameter(name=name) for name in values], values)
            print("CASE", told, item.nodeid.replace(" ", "_"))
raise SystemExit(pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", "scenarios"], plugins=[Told()]))
"""


def _ids(seed: str) -> dict[str, str]:
    """The history of each case, in a process with an order of sets of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTEST_ADDOPTS": ""}
    done = subprocess.run([sys.executable, "-c", COLLECT], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return {line.split()[2]: line.split()[1] for line in done.stdout.splitlines() if line.startswith("CASE ")}


def test_each_case_has_one_history_of_its_own() -> None:
    first, again = _ids("1"), _ids("2")
    assert len(first) > 200
    assert first == again
    assert len(set(first.values())) == len(first)
