"""FlopCounterMode's table, and what it refuses."""

import pytest

import pedigrad as torch
from pedigrad import nn
from pedigrad.utils.flop_counter import FlopCounterMode

TABLE = """\
Module             FLOP    % Total
------------  ---------  ---------
Global        2598.416K    100.00%
- aten.addmm  1292.800K     49.75%
- aten.mm     1305.616K     50.25%
Sequential    2598.400K    100.00%
- aten.addmm  1292.800K     49.75%
- aten.mm     1305.600K     50.25%
"""


def test_the_table_is_printed_at_the_end(capsys):
    model = nn.Sequential(nn.Linear(400, 400), nn.Linear(400, 4))
    with FlopCounterMode(depth=1) as counter:
        model(torch.ones(4, 400)).sum().backward()
        torch.ones(2, 2) @ torch.ones(2, 2)
    assert capsys.readouterr().out == TABLE
    assert counter.get_table(2).count("Sequential.0") == 1


def test_nothing_is_counted_outside_it():
    with FlopCounterMode(display=False) as counter:
        pass
    torch.ones(2, 2) @ torch.ones(2, 2)
    assert counter.get_total_flops() == 0 and "Global" in counter.get_table()


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(RuntimeError, match="custom_mapping"):
        FlopCounterMode(custom_mapping={torch.ops.aten.relu: lambda *shapes, **more: 1})
    with torch.check(), pytest.raises(RuntimeError, match="check"), FlopCounterMode():
        pass
