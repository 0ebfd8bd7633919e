"""The names that PyTorch's `nn` files its classes by, one process's parallel wrappers, and flexible attention."""

import importlib
import inspect
import pkgutil

import pytest
import torch
from side_by_side import agree

import pedigrad

FAMILIES = sorted(each.name for each in pkgutil.iter_modules(torch.nn.modules.__path__) if not each.name.startswith("linear_cross"))
LACKING = {"Container", "CrossMapLRN2d", "SyncBatchNorm", "BackwardHookFunction", "LinearCrossEntropyOptions"}


@pytest.mark.parametrize("family", FAMILIES)
def test_classes_are_where_they_are_looked_for(family):
    theirs = importlib.import_module(f"torch.nn.modules.{family}")
    ours = importlib.import_module(f"pedigrad.nn.modules.{family}")
    classes = {n for n, v in vars(theirs).items() if inspect.isclass(v) and v.__module__ == theirs.__name__ and hasattr(torch.nn, n)}
    for name in classes - LACKING:
        assert getattr(ours, name) is getattr(pedigrad.nn, name)
        assert getattr(pedigrad.nn.modules, name) is getattr(pedigrad.nn, name)


@pytest.mark.parametrize(
    "path",
    ["batchnorm._NormBase", "batchnorm._BatchNorm", "instancenorm._InstanceNorm", "conv._ConvNd", "conv._ConvTransposeNd", "loss._Loss"]
    + ["loss._WeightedLoss", "pooling._MaxPoolNd", "pooling._AdaptiveAvgPoolNd", "dropout._DropoutNd", "module._IncompatibleKeys"]
    + ["module._addindent", "module._EXTRA_STATE_KEY_SUFFIX", "utils._pair", "utils._ntuple", "utils._triple", "lazy.LazyModuleMixin"]
    + ["utils.consume_prefix_in_state_dict_if_present", "linear.NonDynamicallyQuantizableLinear", "padding._ConstantPadNd"],
)
def test_private_names(path):
    family, _, name = path.partition(".")
    assert hasattr(importlib.import_module(f"torch.nn.modules.{family}"), name)
    assert hasattr(importlib.import_module(f"pedigrad.nn.modules.{family}"), name)


def wrappers(torch, tell):
    m = torch.nn.Linear(2, 2)
    wrapped = torch.nn.DataParallel(m)
    x = torch.randn(3, 2)
    tell(wrapped(x), list(wrapped.state_dict()), str(wrapped))
    parallel = torch.nn.parallel
    tell(parallel.scatter_gather.is_namedtuple(x))


def tuples(torch, tell):
    names = importlib.import_module(torch.__name__ + ".nn.modules.utils")
    tell(names._pair(2), names._triple([1, 2, 3]), names._single(4), names._ntuple(5)(1), names._reverse_repeat_tuple((1, 2), 2))
    tell(names._list_with_default([None, 3], [7, 8, 9]))
    state = {"module.a": 1, "b": 2}
    names.consume_prefix_in_state_dict_if_present(state, "module.")
    tell(sorted(state))
    tell(torch.nn.modules.module._addindent("a\nb", 2))
    reduction = torch.nn._reduction
    tell(reduction.get_enum("mean"), reduction.legacy_get_string(None, None), reduction.legacy_get_string(False, None))


def own_convolution(torch, tell):
    class Scaled(torch.nn.modules.conv._ConvNd):
        def __init__(self):
            super().__init__(2, 3, (3, 3), (1, 1), (1, 1), (1, 1), False, (0, 0), 1, True, "zeros")

        def forward(self, x):
            return torch.nn.functional.conv2d(x, self.weight * 2, self.bias, self.stride, self.padding, self.dilation, self.groups)

    m = Scaled()
    tell(m(torch.randn(1, 2, 4, 4)), str(m))


def flexible(torch, tell):
    flex = importlib.import_module(torch.__name__ + ".nn.attention.flex_attention")
    q, k, v = (torch.randn(2, 4, 8, 5) for _ in range(3))
    tell(flex.flex_attention(q, k, v))
    bias = torch.randn(4)

    def relative(score, b, h, i, j):
        return score + bias[h] * (i - j)

    def causal(b, h, i, j):
        return i >= j

    def window(b, h, i, j):
        return (i - j).abs() < 3

    tell(flex.flex_attention(q, k, v, score_mod=relative, scale=0.3))
    for mod in (causal, flex.and_masks(causal, window), flex.or_masks(causal, window), flex.noop_mask):
        mask = flex.create_block_mask(mod, None, None, 8, 8, device="cpu", BLOCK_SIZE=4)
        tell(mask.shape, mask.to_dense(), mask.sparsity(), mask.kv_num_blocks, mask.full_kv_num_blocks, mask.q_num_blocks)
        out, lse = flex.flex_attention(q, k, v, block_mask=mask, return_lse=True)
        tell(out, lse)
    tell(flex.create_mask(causal, 1, 2, 3, 3, device="cpu"))
    few = (torch.randn(2, 2, 8, 5), torch.randn(2, 2, 8, 5))
    tell(flex.flex_attention(q, *few, enable_gqa=True))
    tell.error(flex.flex_attention, q, *few)
    tell.error(flex.flex_attention, q[0], k, v)
    attention = torch.nn.attention
    with attention.sdpa_kernel(attention.SDPBackend.MATH):
        tell(torch.nn.functional.scaled_dot_product_attention(q, k, v))
    with attention.sdpa_kernel([attention.SDPBackend.MATH, attention.SDPBackend.FLASH_ATTENTION]):
        tell(int(attention.SDPBackend.EFFICIENT_ATTENTION), str(attention.SDPBackend.MATH))
    tell.error(attention.sdpa_kernel("math").__enter__)


def heads_that_are_shared(torch, tell):
    attention = torch.nn.functional.scaled_dot_product_attention
    for counts in [(4, 2, 2), (4, 2, 4), (4, 2, 1), (4, 4, 2), (6, 3, 2)]:
        leaves = [torch.randn(2, heads, n, 3, dtype=torch.float64).requires_grad_() for heads, n in zip(counts, (4, 5, 5), strict=True)]
        for mask in (None, torch.randn(2, 1, 4, 5, dtype=torch.float64), torch.randn(4, 5) > -1):
            out = attention(*leaves, mask, enable_gqa=True)
            tell(out, *torch.autograd.grad(out.square().sum(), leaves))
    tell.error(lambda: attention(torch.ones(4, 2), torch.ones(5, 2), torch.ones(5, 2), enable_gqa=True))
    tell.error(lambda: attention(*(torch.ones(heads, 3, 2) for heads in (4, 2, 3)), enable_gqa=True))


@pytest.mark.parametrize("program", [wrappers, tuples, own_convolution, flexible, heads_that_are_shared], ids=lambda each: each.__name__)
def test_agrees(program):
    agree(program)


def test_flexible_attention_has_gradients():
    flex = pedigrad.nn.attention.flex_attention
    q = pedigrad.randn(1, 2, 4, 3, requires_grad=True)
    mask = flex.create_block_mask(lambda b, h, i, j: i >= j, None, None, 4, 4)
    flex.flex_attention(q, q, q, block_mask=mask).sum().backward()
    own = q.grad.clone()
    q.grad = None
    pedigrad.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True).sum().backward()
    assert pedigrad.allclose(own, q.grad, atol=1e-6)


def test_distributed_on_one_process():
    nn = pedigrad.nn
    m = nn.parallel.DistributedDataParallel(nn.Linear(2, 2))
    with m.no_sync():
        m(pedigrad.ones(1, 2)).sum().backward()
    assert m.module.weight.grad is not None
    assert list(m.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(RuntimeError, match="not needed"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
    assert len(nn.parallel.replicate(nn.Linear(2, 2), [0, 1])) == 2
