"""The arena: no two arrays in use at one time overlap, and the plan is not much larger than what is in use."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pedigrad.codegen.schedule.arena import ALIGN, Lifetime, planned

SPANS = st.tuples(st.integers(0, 5000), st.integers(0, 20), st.integers(0, 8))
LIFETIMES = SPANS.map(lambda span: Lifetime(span[0], span[1], span[1] + span[2]))


def padded(size):
    return -(-max(size, 1) // ALIGN) * ALIGN


@given(st.lists(LIFETIMES, max_size=30))
@settings(max_examples=200, deadline=None)
def test_nothing_in_use_at_one_time_overlaps(lifetimes):
    offsets, total = planned(lifetimes)
    placed = list(zip(offsets, lifetimes, strict=True))
    for number, (offset, mine) in enumerate(placed):
        assert offset % ALIGN == 0 and offset >= 0 and offset + mine.size <= total
        for other_offset, other in placed[:number]:
            if mine.first <= other.last and other.first <= mine.last:
                assert offset + padded(mine.size) <= other_offset or other_offset + padded(other.size) <= offset


def test_memory_is_used_again():
    chain = [Lifetime(1024, step, step + 1) for step in range(10)]
    assert planned(chain)[1] == 2048
    assert planned([Lifetime(1024, 0, 9), *chain])[1] == 3072


def test_nothing_needs_nothing():
    assert planned([]) == ([], 0)
