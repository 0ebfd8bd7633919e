"""These tests need PyTorch beside pedigrad; they are left out of an ordinary run and started by their own path."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_collection_modifyitems(items):
    for item in items:
        if "conformance" in str(item.path):  # PyTorch's own warnings are none of ours
            item.add_marker(pytest.mark.filterwarnings("default"))


collect_ignore = ["programs"]  # run by `test_programs.py`, each in a process of its own
