"""One identity of memory: arrays that may share elements lie in one storage."""

import array
import gc
import mmap
import weakref

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.codegen.runtime import memory
from pedigrad.core import graph
from pedigrad.core.storage import Buffer, storage_of, whole_of

WAYS = {
    "itself": lambda x: x,
    "slice": lambda x: x[1:],
    "reversed": lambda x: x[::-1],
    "transposed": lambda x: x.reshape(2, -1).T,
    "another dtype": lambda x: x.view(np.uint8),
    "as_strided": lambda x: np.lib.stride_tricks.as_strided(x, (2, 2), (4, 4)),
    "sliding windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2),
    "broadcast": lambda x: np.broadcast_to(x[:1], (3,)),
    "memoryview": lambda x: np.asarray(memoryview(x)[2:]),
    "frombuffer": lambda x: np.frombuffer(x, np.float32, 2, 4),
    "strided part of a memoryview": lambda x: np.lib.stride_tricks.as_strided(np.frombuffer(memoryview(x)), (1,), (4,))[:1],
    "subclass": lambda x: x.view(np.matrix),
}
OWNERS = {
    "array": lambda: np.arange(4, dtype=np.float32),
    "part of another": lambda: np.arange(9, dtype=np.float32)[1:5],
    "loan": lambda: memory.empty((1 << 20,), np.float32),
    "bytearray": lambda: torch.frombuffer(bytearray(16), dtype=torch.float32)._array,
    "array.array": lambda: torch.frombuffer(array.array("f", [0] * 4), dtype=torch.float32)._array,
    "mmap": lambda: torch.frombuffer(mmap.mmap(-1, 64), dtype=torch.float32)._array,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("owner", OWNERS)
def test_views_lie_in_the_storage_of_what_they_show(owner, way):
    x = OWNERS[owner]()
    view = WAYS[way](x)
    assert storage_of(view) is storage_of(x) is storage_of(WAYS[way](view) if way == "slice" else x)
    assert storage_of(view) is not storage_of(np.copy(x))
    weakref.ref(storage_of(view))
    if way not in ("memoryview", "frombuffer", "strided part of a memoryview"):
        assert whole_of(view) is whole_of(x)


def test_tensors_on_parts_of_one_buffer_share_a_storage():
    memory = bytearray(16)
    x, y = (torch.frombuffer(memory, dtype=torch.float32, offset=o, count=2) for o in (0, 8))
    z = torch.from_numpy(np.ndarray((2,), np.float32, memory, 4))
    assert storage_of(x._array) is storage_of(y._array) is storage_of(z._array)
    assert isinstance(storage_of(x._array), Buffer)
    z += 3
    assert x._version == y._version == 1
    assert x.tolist() == [0, 3] and y.tolist() == [3, 0]
    base = np.zeros(4, np.float32)
    a, b = torch.from_numpy(base[:2]), torch.from_numpy(base[2:])
    assert storage_of(a._array) is storage_of(b._array) is base


def test_a_write_through_one_array_of_a_buffer_is_seen_by_another():
    buffer = bytearray(8)
    x, y = (torch.frombuffer(buffer, dtype=torch.float32) for _ in range(2))
    w = torch.ones(2, requires_grad=True)
    out = (w * x).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        out.backward()


def test_records_of_writes_go_with_the_storage():
    for make in OWNERS.values():
        x = torch.from_numpy(make())
        x.zero_()
        key = id(storage_of(x._array))
        assert key in graph._writes
        del x
        gc.collect()
        assert key not in graph._writes


def test_dtypes_of_other_libraries_in_buffers():
    x = torch.frombuffer(bytearray(b"\x80\x3f" * 4), dtype=torch.bfloat16)
    assert x.dtype is torch.bfloat16 and x.tolist() == [1] * 4
    assert torch.from_numpy(np.ndarray((2,), np.float32, bytearray(8))[::-1]).stride() == (-1,)


def test_strided_views_of_results_whose_dimensions_numpy_permutes():
    result = torch.arange(36.0).reshape(4, 3, 3).mT[torch.arange(4) % 2]
    first = result.as_strided((2,), (1,))
    first.fill_(-1)
    assert (result == -1).sum() == 2
