"""The same program warns in both libraries, with one category; in ours the warning points to the program's own line."""

import linecache
import warnings

import numpy as np
import pytest
import torch as reference

import pedigrad
from pedigrad.core import origin

# The last line is the one that warns.
PROGRAMS = {
    "grad of a non-leaf": "y = x * 2\ny.grad",
    "tensor of a tensor": "torch.tensor(x)",
    "new_tensor of a tensor": "x.new_tensor(x)",
    "mse_loss that broadcasts": "F.mse_loss(torch.ones(3), torch.ones(3, 1))",
    "MSELoss that broadcasts": "loss = nn.MSELoss()\nloss(torch.ones(3), torch.ones(3, 1))",
    "l1_loss that broadcasts": "F.l1_loss(torch.ones(3), torch.ones(3, 1))",
    "smooth_l1_loss that broadcasts": "F.smooth_l1_loss(torch.ones(3), torch.ones(3, 1))",
    "huber_loss that broadcasts": "F.huber_loss(torch.ones(3), torch.ones(3, 1))",
    "size_average": "F.mse_loss(torch.ones(3), torch.ones(3), size_average=False)",
    "reduce": "F.l1_loss(torch.ones(3), torch.ones(3), reduce=False)",
    "loss made with size_average": "nn.MSELoss(size_average=False)",
    "kl_div that takes the mean": "F.kl_div(torch.zeros(2, 2), torch.ones(2, 2))",
    "softmax without a dim": "F.softmax(torch.ones(2, 2))",
    "softmin without a dim": "F.softmin(torch.ones(2, 2))",
    "log_softmax without a dim": "F.log_softmax(torch.ones(2, 2))",
    "Softmax without a dim": "layer = nn.Softmax()\nlayer(torch.ones(2, 2))",
    "T of three dimensions": "torch.ones(2, 3, 4).T",
    "T of one dimension": "torch.ones(2).T",
    "T of none": "torch.ones(()).T",
    "H of three dimensions": "torch.ones(()).H",
    "range": "torch.range(0, 3)",
    "add_ with a number first": "torch.ones(2).add_(2, torch.ones(2))",
    "add with a number first": "torch.add(torch.ones(2), 2, torch.ones(2))",
    "sub with a number first": "torch.ones(2).sub(2, torch.ones(2))",
    "addmm with numbers first": "torch.ones(2, 2).addmm(2, 1, torch.ones(2, 2), torch.ones(2, 2))",
    "addmm_ with numbers first": "torch.ones(2, 2).addmm_(2, 1, torch.ones(2, 2), torch.ones(2, 2))",
    "addcmul with a number first": "torch.ones(2).addcmul(2, torch.ones(2), torch.ones(2))",
    "addcdiv_ with a number first": "torch.ones(2).addcdiv_(2, torch.ones(2), torch.ones(2))",
    "dropout of a recurrent network of one layer": "nn.LSTM(2, 2, dropout=0.5)",
    "scheduler before optimizer": "o = torch.optim.SGD([p], lr=1.0)\ns = torch.optim.lr_scheduler.StepLR(o, 1)\ns.step()",
    "scheduler with an epoch": "o = torch.optim.SGD([p], lr=1.0)\ns = torch.optim.lr_scheduler.StepLR(o, 1)\no.step()\ns.step(2)",
    "get_lr outside of a step": "o = torch.optim.SGD([p], lr=1.0)\ns = torch.optim.lr_scheduler.StepLR(o, 1)\ns.get_lr()",
    "a parameter twice": "torch.optim.SGD([p, p], lr=1.0)",
    "clip_grad_norm": "p.grad = torch.ones(2)\nnn.utils.clip_grad_norm([p], 1.0)",
    "clip_grad_norm_ of nothing": "nn.utils.clip_grad_norm_([], 1.0)",
    "from_numpy of a read-only array": "a = np.ones(2)\na.flags.writeable = False\ntorch.from_numpy(a)",
    "frombuffer of bytes": "torch.frombuffer(b'12345678', dtype=torch.int32)",
    "init of old names": "nn.init.uniform(torch.ones(2))",
    "init of xavier_normal": "nn.init.xavier_normal(torch.ones(2, 2))",
    "init of no elements": "nn.init.kaiming_uniform_(torch.ones(0, 2))",
    "upsample": "F.upsample(torch.ones(1, 1, 2, 2), scale_factor=2)",
    "upsample_nearest": "F.upsample_nearest(torch.ones(1, 1, 2, 2), scale_factor=2)",
    "upsample_bilinear": "F.upsample_bilinear(torch.ones(1, 1, 2, 2), scale_factor=2)",
    "grid_sample without align_corners": "F.grid_sample(torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2, 2))",
    "affine_grid without align_corners": "F.affine_grid(torch.ones(1, 2, 3), (1, 1, 2, 2))",
    "dropout2d of another rank": "F.dropout2d(torch.ones(2, 2))",
    "std of one element": "torch.ones(1).std()",
    "var of one element": "torch.ones(1).var()",
    "var_mean of one element": "torch.var_mean(torch.ones(1))",
    "complex to real": "torch.ones(2, dtype=torch.complex64).to(torch.float32)",
    "copy of complex to real": "torch.ones(2).copy_(torch.ones(2, dtype=torch.complex64))",
    "cross without a dim": "torch.cross(torch.ones(2, 3), torch.ones(2, 3))",
    "meshgrid without indexing": "torch.meshgrid(torch.ones(2), torch.ones(2))",
    "cholesky": "torch.cholesky(torch.eye(2))",
    "qr": "torch.qr(torch.eye(2))",
    "chain_matmul": "torch.chain_matmul(torch.eye(2), torch.eye(2))",
    "hook of the old kind": "layer = nn.Linear(2, 2)\nlayer.register_backward_hook(lambda m, i, o: None)",
    "encoder with nested tensors": "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, norm_first=True), 1)",
    "encoder, batch second": "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1)",
    "encoder, odd heads": "nn.TransformerEncoder(nn.TransformerEncoderLayer(3, 3, batch_first=True), 1)",
    "Transformer": "nn.Transformer(8, 2)",
    "attention with masks of two kinds": (
        "a, q = nn.MultiheadAttention(4, 2), torch.ones(3, 1, 4)\na(q, q, q, torch.zeros(1, 3).bool(), True, torch.zeros(3, 3))"
    ),
    "cosine loss": "F.cosine_embedding_loss(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1), size_average=True)",
    "poisson loss": "F.poisson_nll_loss(torch.ones(3), torch.ones(3), reduce=True)",
    "binary cross entropy": "F.binary_cross_entropy(torch.ones(3), torch.ones(3), size_average=True)",
    "NLLLoss2d": "nn.NLLLoss2d()",
    "byte mask": "torch.ones(3)[torch.tensor([1, 0, 1], dtype=torch.uint8)]",
    "where with bytes": "torch.where(torch.tensor([1, 0, 1], dtype=torch.uint8), torch.ones(3), torch.ones(3))",
    "float of a tensor that needs a gradient": "float(p.sum())",
    "Embedding bag with swapped arguments": "F.embedding_bag(torch.ones(3, 2), torch.tensor([0, 1]), torch.tensor([0]))",
    "detect_anomaly": "torch.autograd.detect_anomaly()",
    "trunc_normal_": "nn.init.trunc_normal_(torch.ones(2), 9.0)",
    "gumbel_softmax": "F.gumbel_softmax(torch.ones(2), eps=1e-3)",
    "logits": "F.multilabel_margin_loss(torch.ones(2), torch.tensor([0, 1]), size_average=True)",
    "LU": "torch.lu(torch.eye(2))",
    "triangular_solve": "torch.triangular_solve(torch.ones(2, 1), torch.eye(2))",
    "out of another size": "torch.add(torch.ones(2), 1, out=torch.ones(3))",
    "mT of no dimensions": "torch.ones(()).mT",
    "mH of no dimensions": "torch.ones(()).mH",
    # These do not warn, in either.
    "F.sigmoid": "F.sigmoid(torch.ones(2))",
    "F.tanh": "F.tanh(torch.ones(2))",
    "floor_divide": "torch.ones(2).floor_divide(2)",
    "as_tensor of a tensor": "torch.as_tensor(x)",
    "grad of a non-leaf that retains it": "y = x * 2\ny.retain_grad()\ny.grad",
    "T of a matrix": "torch.ones(2, 3).T",
    "out of no size": "torch.add(torch.ones(2), 1, out=torch.empty(0))",
    "out of the size": "torch.add(torch.ones(2), 1, out=torch.empty(2))",
    "mean of nothing": "torch.ones(0).mean()",
    "softmax with a dim": "F.softmax(torch.ones(2), 0)",
    "a step of each": "o = torch.optim.SGD([p], lr=1.0)\ns = torch.optim.lr_scheduler.StepLR(o, 1)\no.step()\ns.step()",
    "float of a tensor without a gradient": "float(torch.ones(()))",
    "encoder without nested tensors": "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1, enable_nested_tensor=False)",
}


def heard(torch, program):
    """The categories of the warnings that a program gives, and the lines they point to."""
    file = f"<program of {torch.__name__}>"
    linecache.cache[file] = (len(program), None, program.splitlines(True), file)
    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np}
    names |= {"x": torch.ones(2, requires_grad=True), "p": torch.nn.Parameter(torch.ones(2))}
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        exec(compile(program, file, "exec"), names)
    return sorted({each.category.__name__ for each in found}), {(each.filename, each.lineno) for each in found}


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_warn(name, monkeypatch):
    program = PROGRAMS[name]
    monkeypatch.setattr(origin, "_warned", set())
    reference.set_warn_always(True)
    try:
        wanted, _ = heard(reference, program)
    finally:
        reference.set_warn_always(False)
    found, lines = heard(pedigrad, program)
    assert found == wanted
    assert lines <= {("<program of pedigrad>", len(program.splitlines()))}
