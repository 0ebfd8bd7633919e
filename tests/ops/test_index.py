"""What is refused between and after the brackets."""

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
