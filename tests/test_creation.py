"""Making tensors: dtypes of data, sizes by name, `out=`."""

import warnings

import numpy as np
import pytest

import pedigrad as torch


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1, 2.5, True], torch.float32),
        ([np.float64(1)], torch.float64),
        ([1.0, np.float64(2)], torch.float64),
        ([np.float32(1), 2], torch.float32),
        ([np.float16(1), 2.0], torch.float32),
        ([[np.float32(1)], [2]], torch.float32),
        ([np.int64(1), 2.5], torch.float32),
        ([np.complex64(1j), 1.0], torch.complex64),
        ([np.array([1.0, 2.0]), np.array([3.0, 4.0])], torch.float64),
        ([torch.tensor(1.0, dtype=torch.float64), 2], torch.float64),
        ([torch.tensor(1), torch.tensor(2.0)], torch.float32),
        (range(3), torch.int64),
        ([], torch.float32),
        ([[]], torch.float32),
    ],
)
def test_dtype_of_data(data, dtype):
    assert torch.tensor(data).dtype is dtype


class Labelled:
    """What a DataFrame looks like to a library that does not know it: columns by name, and iteration gives the names."""

    def __len__(self):
        return 2

    def __getitem__(self, label):
        return {"a": [1.5, 2.5]}[label]

    def __iter__(self):
        return iter("a")

    def __array__(self, dtype=None, copy=None):
        return np.array([[1.5], [2.5]], dtype)


REFUSED = [
    (Labelled(), ValueError),
    (torch.ones(2), None),
    ([torch.ones(2), torch.ones(2)], ValueError),
    ([np.array(1.0)], TypeError),
    (["a"], ValueError),
    ([1, "a"], TypeError),
    ([[1], 2], TypeError),
    ([1, [2]], TypeError),
    ([[1, 2], [3]], ValueError),
    ({}, RuntimeError),
    (np.array(["a"]), TypeError),
    (np.array([1, 2], ">i4"), ValueError),
    ([np.uint16(1), True], RuntimeError),
]


@pytest.mark.parametrize(("data", "error"), REFUSED)
def test_data_is_refused_rather_than_guessed(data, error):
    if error is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a tensor it is said how it is copied
            assert torch.tensor(data).tolist() == [1.0, 1.0]
        return
    for make in (torch.tensor, torch.as_tensor, torch.FloatTensor):
        if not (make is torch.FloatTensor and error is RuntimeError):
            with pytest.raises(error):
                make(data)


@pytest.mark.parametrize("make", [torch.full, lambda size, value, dtype: torch.zeros(size, dtype=dtype).fill_(value)])
def test_numbers_out_of_range_are_refused(make):
    for value, dtype in ((300, torch.uint8), (float("nan"), torch.int64), (1j, torch.float32), (1e39, torch.float32), (2**40, torch.int32)):
        with pytest.raises(RuntimeError, match="without overflow"):
            make((2,), value, dtype=dtype)
    assert make((1,), -1, dtype=torch.uint8).item() == 255
    assert make((1,), float("inf"), dtype=torch.float16).item() == float("inf")


def test_too_large_a_size_is_a_runtime_error():
    for size in (2**62, 2**50):
        with pytest.raises(RuntimeError):
            torch.zeros(size)


def test_python_types_are_the_widest_dtypes():
    x = torch.ones(2)
    assert [torch.zeros(1, dtype=each).dtype for each in (float, int, bool, complex)] == [
        torch.float64,
        torch.int64,
        torch.bool,
        torch.complex128,
    ]
    assert x.to(float).dtype is x.sum(dtype=float).dtype is torch.promote_types(float, int) is torch.float64
    assert x.view(int).shape == (1,) and torch.finfo(float).bits == 64 and torch.can_cast(int, float)


def test_numpy_beside_tensors():
    x = torch.tensor([1.0, 2.0])
    for result in (np.float64(5) // x, np.float64(5) % x, np.float32(5) + x, x - np.int64(1)):
        assert isinstance(result, torch.Tensor) and result.dtype is torch.float32
    assert (np.float64(1.5) > x).tolist() == [True, False]
    assert (x + np.array([1.0, 2.0])).dtype is torch.float64
    array = np.ones(2)
    array += x
    assert array.tolist() == [2.0, 3.0]
    y = x.clone().requires_grad_()
    (y * np.array([2.0, 3.0])).sum().backward()
    assert y.grad.tolist() == [2.0, 3.0]


def test_memory_is_shared_through_dlpack():
    array = np.zeros(2)
    torch.from_dlpack(array)[0] = 1
    assert array[0] == 1 and np.shares_memory(np.from_dlpack(x := torch.ones(2)), x.numpy())
    with pytest.raises(BufferError):
        torch.ones(2, requires_grad=True).__dlpack__()


def test_data_that_is_no_number():
    with pytest.raises(RuntimeError, match="Could not infer dtype of NoneType"):
        torch.tensor([None])
    with pytest.raises(TypeError, match="invalid data type 'str'"):
        torch.tensor("a")
    for data in (2**63, [2**64]):
        with pytest.raises(ValueError, match="Overflow"):
            torch.tensor(data)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor([float("nan")], dtype=torch.int64)


def test_negative_numbers_in_unsigned_dtypes():
    assert torch.tensor([-1, 5], dtype=torch.uint8).tolist() == [255, 5]
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor(-256, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor(300, dtype=torch.uint8)


def test_sizes_by_name():
    for make in (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn):
        assert make(size=(2, 3)).shape == (2, 3)
        with pytest.raises(TypeError, match="'size'"):
            make()
    assert torch.randint(high=5, size=(2,)).shape == (2,)
    assert torch.ones(1).new_zeros(size=(2,)).shape == (2,)
    with pytest.raises(TypeError):
        torch.ones("a")


def test_arange_by_name():
    assert torch.arange(end=3).tolist() == [0, 1, 2]
    assert torch.arange(start=1, end=3).tolist() == [1, 2]
    with pytest.raises(TypeError, match="end"):
        torch.arange()


def test_out_is_written_in_place():
    out = torch.ones(3)
    view, memory = out[:2], out.numpy()
    assert torch.arange(3, out=out) is out
    assert view.tolist() == [0, 1]
    assert memory.tolist() == [0, 1, 2]
    assert torch.zeros(5, out=out).shape == (5,)
    with pytest.raises(RuntimeError, match="out="):
        torch.zeros(3, out=torch.ones(3, requires_grad=True))


def test_new():
    x = torch.ones(1, dtype=torch.float64)
    assert x.new(2, 3).shape == (2, 3)
    assert x.new(2, 3).dtype is torch.float64
    assert x.new([1, 2]).tolist() == [1, 2]
    assert x.new().shape == (0,)


def test_asarray_keeps_requires_grad():
    x = torch.ones(2, requires_grad=True)
    assert torch.asarray(x).requires_grad
    assert not torch.asarray(x, requires_grad=False).requires_grad
