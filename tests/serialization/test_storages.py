"""Storages: the memory of tensors as objects, and sharing that survives pickle."""

import copy
import pickle

import pytest

import pedigrad as torch


def test_tensors_on_one_memory_have_one_storage():
    t = torch.arange(12.0).reshape(3, 4)
    view = t.t()[1:]
    storage = t.untyped_storage()
    assert view.untyped_storage() is storage and storage.nbytes() == 48 and view.storage_offset() == 1
    assert t.clone().untyped_storage() != storage
    storage.fill_(0)
    assert t.sum() == 0


@pytest.mark.parametrize("protocol", range(2, 6))
def test_views_share_memory_after_pickle(protocol):
    t = torch.arange(12.0).reshape(3, 4)
    a, b, c = pickle.loads(pickle.dumps([t, t.t()[1:], t[0, 1]], protocol))
    a[0, 1] = 100
    assert b[0, 0] == 100 and c == 100 and b.stride() == (1, 4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.complex64, torch.bool, torch.uint16, torch.int8])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_pickles_of_all_dtypes(dtype, shape):
    t = torch.ones(shape, dtype=dtype)
    other = pickle.loads(pickle.dumps(t))
    assert other.dtype is dtype and other.shape == shape and bool((other == t).all())


def test_parameters_and_modules():
    layer = torch.nn.Linear(2, 2)
    layer.tied = layer.weight
    other = pickle.loads(pickle.dumps(layer))
    assert other.tied is other.weight and isinstance(other.weight, torch.nn.Parameter) and other.weight.requires_grad
    assert torch.equal(other(torch.ones(1, 2)), layer(torch.ones(1, 2)))


def test_untyped_storage():
    s = torch.UntypedStorage([1, 2, 3])
    assert s.tolist() == [1, 2, 3] == list(s) and s[-1] == 3 and s[1:].tolist() == [2, 3] and len(s) == 3
    s[0] = 9
    assert s.clone().copy_(s).tolist() == [9, 2, 3] and copy.deepcopy(s).data_ptr() != s.data_ptr()
    with pytest.raises(IndexError):
        s[3]
    with pytest.raises(RuntimeError, match="size does not match"):
        s.copy_(torch.UntypedStorage(2))
    assert s.resize_(5).nbytes() == 5 and s.tolist()[:3] == [9, 2, 3]
    t = torch.empty(0, dtype=torch.uint8).set_(s)
    with pytest.raises(RuntimeError, match="tensors lie in"):
        s.resize_(10)
    s[4] = 7
    assert t[4] == 7


def test_typed_storage():
    s = torch.FloatStorage([1, 2, 3])
    assert isinstance(s, torch.FloatStorage) and not isinstance(s, torch.LongStorage) and s.dtype is torch.float32
    assert s.type() == "torch.FloatStorage" and s.long().tolist() == [1, 2, 3] and s.nbytes() == 12
    s[0] = 5
    assert s[0] == 5.0 and s.tolist() == [5, 2, 3] and pickle.loads(pickle.dumps(s)).tolist() == [5, 2, 3]
    with pytest.warns(UserWarning, match="deprecated"):
        assert torch.ones(2).storage().tolist() == [1, 1]


def test_set():
    s = torch.arange(12.0).untyped_storage()
    t = torch.empty(0).set_(s, 2, (2, 2), (4, 1))
    assert t.tolist() == [[2, 3], [6, 7]] and t.untyped_storage() is s
    with pytest.raises(RuntimeError, match="out of bounds"):
        torch.empty(0).set_(s, 9, (2, 2), (4, 1))
    with pytest.raises(RuntimeError, match="dtype"):
        torch.empty(0, dtype=torch.int64).set_(torch.ones(2))


def test_files(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(bytes(range(16)))
    private = torch.UntypedStorage.from_file(path, False, 16)
    private[0] = 9
    assert path.read_bytes()[0] == 0
    torch.UntypedStorage.from_file(path, True, 16)[0] = 9
    assert path.read_bytes()[0] == 9
    with pytest.raises(RuntimeError, match="16 bytes"):
        torch.UntypedStorage.from_file(path, False, 17)


def test_bfloat16_by_dlpack():
    t = torch.arange(6.0, dtype=torch.bfloat16).reshape(2, 3).t()
    for other in (torch.from_dlpack(t), torch.from_dlpack(t.__dlpack__()), torch.from_dlpack(t.__dlpack__(max_version=(1, 0)))):
        assert other.dtype is torch.bfloat16 and other.data_ptr() == t.data_ptr() and torch.equal(other, t)


def test_shared_memory():
    t = torch.arange(4.0)
    assert not t.is_shared() and t.share_memory_() is t and t.is_shared() and t.tolist() == [0, 1, 2, 3]
    assert t[1:].is_shared() and t.untyped_storage().is_shared()
    layer = torch.nn.Linear(2, 2).share_memory()
    assert all(p.is_shared() for p in layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1], [1, 1]]
