"""Affine indices: movements carry an index back to the same element that NumPy's movement shows."""

import itertools

import numpy as np
import pytest

from pedigrad.codegen.ir.affine import Affine, Axis, NeedsSplit, axes_of, backward, contiguous, linear, reshape_index, with_split


def fresh(shape):
    axes = [Axis(n, f"i{d}") for d, n in enumerate(shape)]
    return tuple(Affine(0, ((axis, 1),)) if axis.size != 1 else Affine(0, ()) for axis in axes)


def value(affine, at):
    return affine.constant + sum(at[axis] * factor for axis, factor in affine.terms)


def elements(index, array, axes):
    """The elements that an index shows, point by point, the last axis fastest."""
    points = itertools.product(*(range(axis.size) for axis in axes))
    found = []
    for point in points:
        at = dict(zip(axes, point, strict=True))
        found.append(array[tuple(value(each, at) for each in index)])
    return found


def reshaped(index, shape, to):
    """The index into another shape, splitting axes as often as that is asked for; None if it is not affine."""
    axes = axes_of(index)
    while True:
        try:
            return reshape_index(index, shape, to), axes
        except NeedsSplit as need:
            high, low = Axis(need.axis.size // need.low, "h"), Axis(need.low, "l")
            index = with_split(index, need.axis, high, low)
            axes = [new for axis in axes for new in ((high, low) if axis is need.axis else (axis,))]


@pytest.mark.parametrize(
    "shape, to",
    [((6, 4), (24,)), ((24,), (6, 4)), ((2, 3, 4), (6, 4)), ((6, 4), (2, 3, 2, 2)), ((4, 6), (3, 8)), ((2, 1, 3), (3, 2)), ((1, 5), (5,))],
)
def test_reshapes_show_the_same_elements(shape, to):
    array = np.arange(np.prod(shape)).reshape(shape)
    index, axes = reshaped(fresh(to), to, shape)
    if index is None:
        pytest.skip("not affine: it is copied")
    assert elements(index, array, axes) == array.reshape(-1).tolist()


def test_a_reshape_that_is_not_affine_says_so():
    turned = fresh((4, 6))[::-1]  # an array of shape (6, 4) read column by column
    index, _ = reshaped(turned, (6, 4), (8, 3))
    assert index is None


def test_an_axis_is_split_where_a_reshape_cuts_through_it():
    (axis,) = axes_of(index := fresh((24,)))
    with pytest.raises(NeedsSplit) as asked:
        reshape_index(index, (24,), (6, 4))
    assert asked.value.axis is axis and asked.value.low == 4


def test_other_movements_go_back_to_their_operand():
    index = fresh((3, 4))
    x = np.arange(12).reshape(3, 4)
    axes = axes_of(index)
    back = backward("transpose", {"order": (1, 0)}, index, (3, 4), (4, 3))
    assert elements(back, x.T.copy(), axes) == x.reshape(-1).tolist()
    back = backward("broadcast", {}, index, (3, 4), (1, 4))
    assert elements(back, x[:1], axes) == np.broadcast_to(x[0], (3, 4)).reshape(-1).tolist()
    big = np.arange(88).reshape(8, 11)
    back = backward("slice", {"starts": (7, 1), "steps": (-2, 3)}, index, (3, 4), (8, 11))
    assert elements(back, big, axes) == big[7:1:-2, 1::3].reshape(-1).tolist()


def test_places_in_memory():
    i, j = Axis(3, "i"), Axis(4, "j")
    place = linear((Affine(1, ((i, 1),)), Affine(0, ((j, 2),))), contiguous((5, 8)))
    assert str(place) == "8*i + 2*j + 8"
    assert str(place.plus(place.times(-1))) == "0"
    assert contiguous((2, 3, 4)) == (12, 4, 1) and contiguous(()) == ()
