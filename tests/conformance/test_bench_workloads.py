"""The workloads of bench/ on both libraries."""

import pathlib
import sys

import pytest
import torch as reference

import pedigrad

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench"))

import workloads
from workloads import WORKLOADS


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_gives_the_losses_of_pytorch(name):
    expected, found = (workloads.build(library, name, **WORKLOADS[name].small) for library in (reference, pedigrad))
    for _ in range(2):
        assert found() == pytest.approx(expected(), rel=2e-4)
