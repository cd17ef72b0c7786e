"""Run what reference models are held to: their tests in the repository."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import ncd

TESTS = Path(ncd.__file__).parents[1] / "tests" / "torch"


def outcomes(tests: Collection[str]) -> dict[str, str]:
    """passed, failed or not run for each ``FILE::TEST``: failed where one of its cases is.

    Raises FileNotFoundError where ncd is installed without its tests.
    """
    for test in tests:
        if not (TESTS / test.partition("::")[0]).exists():
            raise FileNotFoundError(f"no tests in {TESTS}")
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=no", "-p", "no:cacheprovider", *sorted(set(tests))]
    said = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False).stdout.splitlines()
    found: dict[str, str] = {}
    for word, outcome in (("PASSED", "passed"), ("ERROR", "failed"), ("FAILED", "failed")):
        for line in said:
            if line.startswith(word + " "):
                found[line.split()[1].partition("[")[0]] = outcome
    return {test: found.get(test, "not run") for test in tests}
