"""What packages take from PyTorch's inner places: aten's operations, trees, wrappers of optimizers, stubs for quantization, schemas."""

from typing import List, Optional, Sequence, Tuple  # noqa: UP035

import torch
import torch._custom_ops
import torch.ao.quantization
import torch.onnx.symbolic_helper
import torch.utils._pytree as pytree
from torch import Tensor, nn
from torch._dynamo.utils import is_compile_supported
from torch.serialization import MAP_LOCATION
from torch.utils.model_zoo import tqdm

print(torch.__name__, MAP_LOCATION is not None, callable(is_compile_supported), callable(torch._custom_ops.custom_op))
aten = torch.ops.aten
x = torch.arange(12.0).view(3, 4)
print(
    aten.slice.Tensor(x, 1, 1, 3), aten.slice.Tensor(x, -1, 0, 9223372036854775807, 2), aten.index.Tensor(x, [None, torch.tensor([0, 1])])
)
print(aten._to_copy.default(x, dtype=torch.int64), aten.alias.default(x).data_ptr() == x.data_ptr(), aten.sym_size.int(x, 1))
print(aten._to_copy.default(x).data_ptr() == x.data_ptr(), aten._local_scalar_dense(x[0, 1]), aten._unsafe_view(x, [2, 6]).shape)
print({aten.mm: 1}[torch.ops.aten.mm], hasattr(aten, "no_such_operation"))
try:
    torch.ops.load_library("nowhere.so")
except OSError:
    print("OSError")

Point = __import__("collections").namedtuple("Point", "x y")
print(pytree._get_node_type(Point(1, 2)).__name__, pytree._get_node_type([1]).__name__, pytree._dict_flatten({"a": 1}))
print(pytree._dict_flatten_with_keys({"a": 1, "b": 2}), pytree._dict_unflatten([3], ["k"]))


class Wrapper(torch.optim.Optimizer):
    """An optimizer around another, whose base's __init__ is never called."""

    def __init__(self, optimizer):
        self.optimizer, self.count = optimizer, 0

    @property
    def param_groups(self):
        return self.optimizer.param_groups

    def step(self, closure=None):
        self.count += 1
        return self.optimizer.step(closure)


w = nn.Parameter(torch.ones(2))
wrapper = Wrapper(torch.optim.SGD([w], 0.5))
(w**2).sum().backward()
print(wrapper.step(), wrapper.count, w)


def f(
    x: Tensor, y: list[Tensor], ks: List[int], s: Sequence[float], n: int | None = None, flag: bool = True, o: Optional[Tensor] = None,  # noqa: UP006, UP045
    q: Optional[float] = 1.0, dt: torch.dtype = torch.float32, name: str = "a",  # noqa: UP045
) -> Tuple[Tensor, Tensor]: ...  # fmt: skip  # noqa: UP006


print(torch.library.infer_schema(f, mutates_args=()))
wrapped = torch.ao.quantization.QuantWrapper(nn.Linear(2, 1)).eval()
print(wrapped, torch.equal(wrapped(torch.ones(1, 2)), wrapped.module(torch.ones(1, 2))), wrapped.training)
keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU) | torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCUDA)
with torch._C._ExcludeDispatchKeyGuard(keys):
    print(keys.has(torch._C.DispatchKey.AutocastCPU), keys.has(torch._C.DispatchKey.CPU))
print(torch.onnx.symbolic_helper.parse_args("v", "i")(lambda g, x, k: k).__class__.__name__)
with tqdm(total=3, disable=True) as bar:
    bar.update(3)
print(callable(tqdm), torch.hub.tqdm is tqdm)
