"""What is refused between and after the brackets."""

import numpy as np
import pytest

import pedigrad as torch


@pytest.mark.parametrize("index", [torch.tensor([0, 1]), [0, 1], torch.tensor([True, False, True])])
def test_values_of_another_dtype_are_refused(index):
    x = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="source and destination dtypes match"):
        x[index] = torch.tensor([1.5, 2.5])
    with pytest.raises(RuntimeError, match="source and destination dtypes match"):
        x.index_put_((torch.tensor([0]),), torch.tensor(1.5))
    assert x.tolist() == [0, 0, 0]


def test_values_that_are_converted():
    x = torch.zeros(3, dtype=torch.int64)
    x[torch.tensor([True, False, True])] = torch.tensor(1.5)
    x[1] = torch.tensor(2.5)
    x[torch.tensor([2])] = 3.5
    assert x.tolist() == [1, 2, 3]


def test_items_cannot_be_deleted():
    with pytest.raises(TypeError, match="does not support deleting items"):
        del torch.ones(2)[0]


def test_an_index_that_is_no_vector():
    with pytest.raises(IndexError, match=r"^index_select\(\): Index is supposed to be a vector"):
        torch.ones(2).index_select(0, torch.tensor([[0]]))


def test_equal_wants_a_tensor():
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        torch.equal(torch.ones(2), 1)


def test_what_is_not_implemented_for_a_dtype():
    with pytest.raises(NotImplementedError, match='"bitwise_and" not implemented for float32'):
        torch.ones(2) & torch.ones(2)


@pytest.mark.parametrize("dtype", (np.float32, np.float64, np.int32, np.int64))
@pytest.mark.parametrize("largest", (True, False))
def test_a_few_of_many_elements_are_the_first_of_all_in_order(dtype, largest):
    """Also where some are equal, not numbers, or the last that there are."""
    rng = np.random.default_rng(0)
    for case in range(40):
        x = rng.integers(-3, 3, (3, 71)).astype(dtype) if case % 2 else np.asarray(rng.standard_normal((3, 71)) * 9, dtype)
        if dtype in (np.float32, np.float64):
            x[rng.integers(0, 3, 4), rng.integers(0, 71, 4)] = rng.choice([np.nan, np.inf, -np.inf], 4)
            x[0, : 70 if case % 5 == 0 else 0] = np.inf if case % 3 else -np.inf
        else:
            x[0, : 70 if case % 5 == 0 else 0] = np.iinfo(dtype).min if largest else np.iinfo(dtype).max
        k = case % 8 + 1
        values, indices = torch.from_numpy(x).topk(k, largest=largest)
        wanted = torch.from_numpy(x).sort(descending=largest, stable=True)
        np.testing.assert_array_equal(values.numpy(), wanted.values.numpy()[:, :k])
        np.testing.assert_array_equal(np.take_along_axis(x, indices.numpy(), 1), values.numpy())
        assert all(len(set(row)) == k for row in indices.tolist())
