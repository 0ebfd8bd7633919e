"""Autocast and GradScaler on the CPU against PyTorch's."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from side_by_side import agree

import pedigrad

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def kinds(values):
    return [str(v.dtype).removeprefix("torch.") for v in values]


CALLS = """
a @ b; torch.mm(a, b); torch.matmul(a, b); F.linear(a, b); torch.einsum("ij,jk->ik", a, b); a.mm(b); torch.addmm(a, a, b); a.matmul(b[0])
torch.baddbmm(batch, batch, batch); torch.bmm(batch, batch); torch.nn.Linear(3, 3)(a); torch.nn.Conv2d(2, 3, 3)(image)
torch.nn.ConvTranspose2d(2, 3, 3)(image); a + b; a * b; torch.exp(a); a.sum(); F.relu(a); F.softmax(a, -1); a.mean(); torch.tanh(a)
F.mse_loss(a, b); F.l1_loss(a, b); F.smooth_l1_loss(a, b); F.huber_loss(a, b); F.cross_entropy(a, classes); F.nll_loss(a, classes)
F.multi_margin_loss(a, classes); F.binary_cross_entropy_with_logits(a, b.sigmoid()); F.poisson_nll_loss(a, b.abs()); F.prelu(a, a[:1, 0])
F.soft_margin_loss(a, b); F.hinge_embedding_loss(a, b.sign()); F.margin_ranking_loss(a, b, b.sign()); F.triplet_margin_loss(a, b, a)
F.cosine_embedding_loss(a, b, b[0].sign()); F.binary_cross_entropy(a.sigmoid(), b.sigmoid()); torch.linalg.inv(a); torch.prod(a)
torch.cdist(a, b); torch.trace(a); torch.linalg.qr(a)[0]; torch.linalg.svdvals(a); torch.cat([a, b]); torch.stack([a, b]); torch.cat([a, a])
F.scaled_dot_product_attention(batch, batch, batch); F.avg_pool3d(image, 2); F.max_pool2d(image, 2); F.avg_pool2d(image, 2)
F.pad(image, (1, 1, 1, 1), mode="reflect"); F.pad(image, (1, 1)); torch.nn.LSTM(3, 4)(a)[0]; torch.nn.GRU(3, 4)(a)[0]; a.cumsum(0)
torch.quantile(a, 0.5)
torch.nn.LayerNorm(3)(a); torch.nn.BatchNorm2d(2)(image); torch.nn.GroupNorm(1, 2)(image); torch.nn.MultiheadAttention(3, 1)(a, a, a)[0]
torch.nn.Embedding(3, 2)(classes); wide @ wide; F.mse_loss(wide, wide); torch.pinverse(a); torch.dot(a[0], b[0]); a.mv(b[0])
torch.nn.TransformerEncoderLayer(3, 1, 5)(a); torch.nn.LSTMCell(3, 2)(a)[0]; torch.nn.LSTMCell(3, 2)(a)[1]
torch.nn.GRUCell(3, 2)(a); torch.nn.RNNCell(3, 2)(a); torch.nn.RNN(3, 4)(a)[0]; torch.nn.RNN(3, 4, nonlinearity="relu")(a)[1]
torch.nn.LSTM(3, 4)(torch.nn.utils.rnn.pack_padded_sequence(batch, torch.tensor([2, 2, 1])))[0].data
F.interpolate(image, scale_factor=2.0); F.grid_sample(image, grid)
"""
DIFFER = ()  # calls that PyTorch refuses for tensors of several dtypes, and we take


def runs_lstm(dtype):
    """Whether PyTorch has code for an LSTM of 16-bit floats on this processor."""
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype=dtype):
            torch.nn.LSTM(3, 4)(torch.ones(3, 3))
    except RuntimeError as error:
        assert "could not create a primitive" in str(error)
        return False
    return True


LSTM = {str(dtype): runs_lstm(dtype) for dtype in (torch.bfloat16, torch.float16)}


@program
def dtypes_of_results(torch, tell):
    names = {"torch": torch, "F": torch.nn.functional, "classes": torch.tensor([0, 1, 2])}
    with torch.no_grad():
        for dtype in (torch.bfloat16, torch.float16):
            for first in (False, True):
                x, y, image, batch = torch.randn(3, 3), torch.randn(3, 3), torch.randn(1, 2, 6, 6), torch.randn(2, 3, 3)
                names |= {"wide": torch.randn(3, 3, dtype=torch.float64), "a": x.to(dtype) if first else x, "b": y}
                names |= {"image": image.to(dtype) if first else image, "batch": batch.to(dtype) if first else batch}
                names["grid"] = torch.zeros(1, 2, 2, 2)
                with torch.autocast("cpu", dtype=dtype):
                    for call in CALLS.replace("\n", ";").split(";"):
                        if call.strip() and call.strip() not in DIFFER and (LSTM[str(dtype)] or ".LSTM(" not in call):
                            try:
                                tell(call.strip(), str(dtype), kinds([eval(call.strip(), names)]))
                            except (RuntimeError, TypeError, ValueError):
                                tell(call, str(dtype), "raises")


@program
def switches(torch, tell):
    def all_of():
        tell(
            torch.is_autocast_enabled("cpu"), torch.is_autocast_cpu_enabled(), torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled()
        )
        tell(torch.is_autocast_cache_enabled(), torch.get_autocast_gpu_dtype(), torch.get_autocast_cpu_dtype())

    all_of()
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.float16, cache_enabled=False):
        all_of()
        with torch.amp.autocast("cpu", enabled=False):
            all_of()
            tell(kinds([x @ x]))
            with torch.autocast("cpu"):
                all_of()
                tell(kinds([x @ x]))
        tell(kinds([x @ x]))
    all_of()

    @torch.autocast("cpu")
    def decorated(x):
        return x @ x

    tell(decorated(x), kinds([x @ x]))
    with torch.autocast("cuda"):
        all_of()
        tell(kinds([x @ x]))
    with torch.autocast("cpu", dtype=torch.float64):
        tell(kinds([x @ x]))
    tell.error(torch.autocast, "what")
    tell.error(torch.autocast, 3)
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    tell(kinds([x @ x]))
    all_of()
    torch.set_autocast_enabled("cpu", False)
    torch.set_autocast_dtype("cpu", torch.bfloat16)
    tell(torch.amp.is_autocast_available("cpu"), kinds([x @ x]))
    torch.clear_autocast_cache()


@program
def training(torch, tell):
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=128.0, growth_interval=2)
    x, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    for step in range(4):
        optimizer.zero_grad()
        with torch.autocast("cpu"):
            out = model(x)
            loss = torch.nn.functional.cross_entropy(out, y)
        tell(kinds([out, loss]))
        scaler.scale(loss).backward()
        tell(kinds([p.grad for p in model.parameters()]))
        if step == 1:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            tell.error(scaler.unscale_, optimizer)
        if step == 2:
            model[0].weight.grad[0, 0] = float("inf")
        before = model[0].weight.detach().clone()
        scaler.step(optimizer)
        tell(
            bool((model[0].weight == before).all()),
            scaler._found_inf_per_device(optimizer)["cpu" if step < 0 else next(iter(scaler._found_inf_per_device(optimizer)))],
        )
        tell.error(scaler.step, optimizer)
        scaler.update()
        tell(scaler.get_scale(), scaler._get_growth_tracker(), scaler.state_dict())
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    tell(other.state_dict(), other.get_growth_factor(), other.get_backoff_factor(), other.get_growth_interval())
    copied = pickle.load(io.BytesIO(pickle.dumps(scaler)))
    tell(copied.state_dict(), copy.deepcopy(scaler).state_dict())
    scaler.update(64.0)
    tell(scaler.get_scale())
    tell.error(other.load_state_dict, {})
    tell.error(torch.amp.GradScaler("cpu").update)
    tell.error(torch.amp.GradScaler("cpu").step, optimizer)
    tell.error(torch.amp.GradScaler, "cpu", growth_factor=0.5)
    tell(scaler.scale([x, (x, x)]))
    tell.error(scaler.scale, 3)


@program
def scalers_that_do_nothing(torch, tell):
    for scaler in (
        torch.amp.GradScaler("cuda"),
        torch.cuda.amp.GradScaler(),
        torch.amp.GradScaler("cpu", enabled=False),
        torch.GradScaler(),
    ):
        p = torch.nn.Parameter(torch.ones(2))
        optimizer = torch.optim.SGD([p], 1.0)
        loss = p.sum()
        tell(scaler.is_enabled(), scaler.scale(loss) is loss, scaler.get_scale(), scaler.state_dict())
        loss.backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        tell(p)
    with torch.cuda.amp.autocast():
        tell(kinds([p @ p]))


@program
def own_functions(torch, tell):
    for cast in (None, torch.float32):

        class Product(torch.autograd.Function):
            @staticmethod
            @torch.amp.custom_fwd(device_type="cpu", cast_inputs=cast)
            def forward(ctx, a, b):
                ctx.save_for_backward(a, b)
                return a.mm(b)

            @staticmethod
            @torch.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                a, b = ctx.saved_tensors
                tell(torch.is_autocast_enabled("cpu"), kinds([a, b, g]))
                return g.mm(b.t()), a.t().mm(g)

        a, b = torch.randn(3, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
        with torch.autocast("cpu"):
            out = Product.apply(a, b)
        tell(kinds([out]))
        out.sum().backward()
        tell(a.grad, b.grad)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_agrees(program):
    agree(program, (2e-2, 1e-2) if program in (own_functions, training) else (1e-4, 1e-5))


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize("sizes", [(70, 300, 90), (5, 4000, 40), (200, 33, 129)])
def test_products_of_16_bit_floats_and_their_gradients_are_as_exact_as_pytorchs(name, sizes):
    n, k, m = sizes
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((n, k), (m, k), (m,)))
    pairs = rng.standard_normal((3, n, k)).astype(np.float32), rng.standard_normal((3, k, m)).astype(np.float32)
    found = []
    for library in (torch, pedigrad):
        dtype = getattr(library, name)
        leaves = [library.tensor(a).to(dtype).requires_grad_() for a in (x, weight, bias, *pairs)]
        outs = library.nn.functional.linear(*leaves[:3]), leaves[0] @ leaves[1].T, library.bmm(*leaves[3:]), leaves[3] @ leaves[4][0]
        sum((out.float() * library.arange(out.shape[-1]) / out.shape[-1]).sum() for out in outs).backward()
        assert all(t.dtype == dtype for t in (*outs, *(leaf.grad for leaf in leaves)))
        found.append([t.detach().float().numpy() for t in (*outs, *(leaf.grad for leaf in leaves))])
    eps = float(torch.finfo(getattr(torch, name)).eps)
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2 * eps, atol=2 * eps * np.abs(theirs).max())
