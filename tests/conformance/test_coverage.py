"""docs/coverage.md is what scripts/coverage_report.py writes."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_the_page_is_current():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "coverage_report.py"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, "run scripts/coverage_report.py --update:\n" + (done.stdout or done.stderr)[:3000]
