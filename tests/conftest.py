"""Options of the test run, and what every test starts from."""

import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent / "support"), str(pathlib.Path(__file__).parent)]


def pytest_addoption(parser):
    group = parser.getgroup("conformance")
    group.addoption("--opinfo-samples", type=int, default=12, help="samples per op and dtype (0: all of them)")
    group.addoption("--opinfo-all", action="store_true", help="run entries outside supported_ops.txt too (`-k` does)")


def pytest_configure(config):
    where = os.environ.get("PEDIGRAD_GUARD_PAGES")
    if where:
        import guard_pages

        guard_pages.install(where)


@pytest.fixture(autouse=True, scope="session")
def memory_is_checked():
    """Each program that a test compiles is followed step by step: whether what is read is there."""
    from pedigrad.codegen.runtime import executable

    executable.CHECKED = True


@pytest.fixture(autouse=True)
def defaults():
    """No test leaves its grad mode or default dtype to the next one."""
    from pedigrad.core import dtypes, modes

    yield
    dtypes.set_default_dtype(dtypes.float32)
    assert modes.grad_enabled(), "the test left gradients switched off"
