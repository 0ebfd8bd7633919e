"""What the functions of random programs consist of: tables of templates.

Holes: {E} a tensor of floats, {S} one that broadcasts with it, {L} one with as many dims or more, {T} what is written to, {I} indices,
{c} a number, {d} a dim, {n} a small whole number, {m} a mask, {h} a new name, {s} the shape of {E}. Templates that do not fit the tensors
there are just fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fuzz.writing import Writer

ELEMENTWISE = (
    "{E} + {S}", "{E} - {S}", "{E} * {S}", "{E} * {S}", "{E} + {S}", "{E} / ({S}.abs() + 1)", "{E} * {c}", "{E} + {c}", "{c} - {E}",
    "{E} / {c}", "{c} / ({E}.abs() + 0.5)", "-{E}", "{E}.sin()", "{E}.cos()", "{E}.tanh()", "{E}.sigmoid()", "{E}.abs()", "{E}.relu()",
    "({E}.abs() + 0.1).sqrt()", "({E}.abs() + 0.1).log()", "{E}.clamp(-1, 1).exp()", "{E}.clamp(min=-0.5)", "{E} ** 2", "{E} ** 3",
    "({E}.abs() + 0.1) ** 0.5", "{E}.abs() ** 1.5", "{E}.pow(2)", "{E}.square()", "{E} ** 0.5", "torch.maximum({E}, {S})", "torch.minimum({E}, {S})",
    "torch.where({m}, {E}, {S})", "torch.where({m}, {E}, {c})", "torch.lerp({E}, {S}, 0.3)", "torch.addcmul({E}, {S}, {S}, value=0.5)",
    "{E}.masked_fill({m}, {c})", "torch.atan2({E}, {S})", "torch.hypot({E}, {S})", "{E}.sign()", "{E}.floor()", "{E}.frac()", "{E}.erf()",
    "{E}.expm1().clamp(max=5)", "({E}.abs()).log1p()", "torch.logaddexp({E}, {S})", "({E} > {S}).to({E}.dtype)", "({E} > 0) * {S}",
    "F.gelu({E})", "F.silu({E})", "F.softplus({E})", "F.elu({E})", "F.leaky_relu({E}, 0.1)", "F.hardtanh({E})", "F.mish({E})", "F.selu({E})",
    "F.logsigmoid({E})", "F.hardswish({E})", "F.tanhshrink({E})", "{E}.float()", "{E}.double()", "{E}.to(torch.float32).to({E}.dtype)", "{E}.long().to({E}.dtype)",
    "{E}.nan_to_num()", "{E}.fmod(1.5)", "{E}.remainder(1.5)", "{E} % 2", "{E} // 2", "{E}.reciprocal().clamp(-9, 9)", "{E}.detach()", "{E}.clone()", "{E}.contiguous()",
    "{E}.rsub(1)", "{E}.add({S}, alpha=2)", "({E} * float('inf')).clamp(-1, 1)", "torch.heaviside({E}, {S})", "{E}.isfinite().to({E}.dtype)", "({E} * float('inf')) ** 0.5", "torch.pow({E}, 0.5)", "1 / ({E} * 0)", "{S} - {E}", "({S} - {E}) @ torch.ones({E}.shape[-1])", "{E}.detach() * {S}",
)  # fmt: skip
REDUCTIONS = (
    "{E}.sum()", "{E}.sum({d})", "{E}.sum({d}, keepdim=True)", "{E}.mean()", "{E}.mean({d})", "{E}.mean({d}, keepdim=True)", "{E}.amax({d})",
    "{E}.amin({d}, keepdim=True)", "{E}.max()", "{E}.max({d})[0]", "{E}.max({d})", "{E}.min({d}).values", "{E}.var({d})", "{E}.std({d}, keepdim=True)",
    "{E}.norm()", "{E}.norm(dim={d})", "{E}.prod({d})", "{E}.prod()", "{E}.logsumexp({d})", "{E}.softmax({d})", "{E}.log_softmax({d})", "{E}.argmax({d})",
    "{E}.argmin({d}).to({E}.dtype)", "({E} > 0).any({d})", "({E} > 0).sum({d})", "{E}.cumsum({d})", "{E}.cumprod({d})", "{E}.cummax({d})[0]", "{E}.logcumsumexp({d})",
    "{E}.sum((0, 1))", "{E}.median({d})[0]", "{E}.median()", "{E}.sort({d})[0]", "{E}.sort({d}, descending=True)", "{E}.argsort({d})", "{E}.topk(1, {d})[0]", "{E}.topk(2, {d})[0]",
    "{E}.kthvalue(1, {d})[0]", "{E}.flip({d})", "{E}.roll(1, {d})", "{E}.count_nonzero({d})", "torch.var_mean({E}, {d})", "{E}.aminmax(dim={d})", "{E}.diff(dim={d})", "{E}.renorm(2, 0, 1.)",
    "{E}.all()", 
)  # fmt: skip
PRODUCTS = (
    "{E} @ {S}", "{E} @ {S}.t()", "{E}.t() @ {S}", "{E}.mT @ {L}", "{E} @ {E}.mT", "{E}.mT @ {E}", "F.linear({E}, {L})", "torch.outer({E}.reshape(-1), {S}.reshape(-1))",
    "torch.einsum('ij,ij->i', {E}, {S})", "torch.einsum('ij,kj->ik', {E}, {S})", "torch.bmm({E}, {S}.mT)", "{E}.mv({S})", "torch.dot({E}.reshape(-1), {E}.reshape(-1))",
    "torch.addmm({S}, {E}, {E}.t())", "torch.tensordot({E}, {S}, 1)", "{E} @ torch.ones({E}.shape[-1])", "{E} @ torch.ones({E}.shape[-1], 2)", "F.linear({E}, {S}, {c} * torch.ones({S}.shape[0]))",
    "F.bilinear({E}, {E}, torch.ones(2, {E}.shape[-1], {E}.shape[-1]))", "torch.kron({E}, {S})", "torch.cdist({E}, {S})", "torch.cross({E}, {S}, dim=-1)", "{E}.matrix_power(2)",
)  # fmt: skip
SHAPES = (
    "torch.cat([{E}, {S}], {d})", "torch.cat([{E}, {E}], {d})", "torch.stack([{E}, {S}], {d})", "{E}.repeat(2, 1)", "torch.tile({E}, (2,))", "{E}.reshape(-1)", "{E}.index_select({d}, {I})",
    "{E}[{I}]", "{E}[:, {I}]", "{E}.gather({d}, {E}.argsort({d}))", "torch.take_along_dim({E}, {E}.argmax({d}, keepdim=True), {d})", "{E}.tril()", "{E}.triu(1)", "F.pad({E}, (1, 1))",
    "F.pad({E}, (1, -1), value=2.)", "{E}.repeat_interleave(2, {d})", "{E}.take({I})", "torch.diag({E})", "{E}.rot90()", "{E}.contiguous().view(-1)", 
    "torch.zeros_like({E})", "torch.ones_like({E}) * {E}", "torch.zeros({s})", "torch.full_like({E}, {c})", "torch.arange({E}.shape[0])", "{E}.new_zeros({s})", "torch.eye({E}.shape[0])", "torch.empty_like({E}).copy_({E})",
    "torch.linspace(0, 1, {E}.shape[-1])", "torch.tensor([1., 2.])", "torch.meshgrid({E}.reshape(-1), {S}.reshape(-1), indexing='ij')[0]", "torch.block_diag({E}, {E})",
    "torch.vstack([{E}, {S}])", "torch.hstack([{E}, {E}])", "{E}.scatter(0, torch.zeros({s}, dtype=torch.long), {S})", "{E}.index_add({d}, {I}, {S})", "torch.broadcast_to({E}, (2, *{E}.shape)).clone()", 
    "torch.searchsorted({E}.detach().sort(-1)[0], {E}.detach())", "torch.bucketize({E}.detach(), torch.tensor([0., 1.]))", "F.one_hot({I}, 4).to({E}.dtype)", "{E}.select_scatter({S}, 0, 0)", "torch.atleast_2d({E})",
)  # fmt: skip
LAYERS = (
    "F.conv1d({E}[None], torch.ones(2, {E}.shape[0], 1))", "F.conv1d({E}[None], torch.ones(1, {E}.shape[0], 2) * {c}, padding=1)", "F.max_pool1d({E}[None], 2)", "F.avg_pool1d({E}[None], 2)",
    "F.conv2d({E}[None, None], torch.ones(2, 1, 2, 2) * {c}, padding=1)", "F.max_pool2d({E}[None, None], 2, padding=1)", "F.avg_pool2d({E}[None, None], 2, 1, 1)", "F.adaptive_avg_pool1d({E}[None], 2)", "F.adaptive_max_pool1d({E}[None], 2)",
    "F.conv_transpose1d({E}[None], torch.ones({E}.shape[0], 2, 2) * {c})", "F.layer_norm({E}, {E}.shape[-1:])", "F.layer_norm({E}, {s})", "F.normalize({E}, dim={d})", "F.batch_norm({E}, None, None, training=True, eps=0.1)", "F.group_norm({E}, 1)",
    "F.instance_norm({E}[None], eps=0.1)", "F.rms_norm({E}, {E}.shape[-1:])", "F.mse_loss({E}, {S})", "F.l1_loss({E}, {S}.detach())", "F.smooth_l1_loss({E}, {S})", "F.huber_loss({E}, {S})", "F.cross_entropy({E}, {E}.argmax(-1))", "F.cross_entropy({E}, {I})",
    "F.cross_entropy({E}, {S}.softmax(-1))", "F.nll_loss({E}.log_softmax(-1), {I})", "F.binary_cross_entropy_with_logits({E}, {S}.sigmoid())", "F.kl_div({E}.log_softmax(-1), {S}.softmax(-1))", "F.embedding({I}, {E})", "F.embedding(torch.tensor([0, 0]), {E})",
    "F.cosine_similarity({E}, {S}, dim={d})", "F.pairwise_distance({E}, {S})", "F.scaled_dot_product_attention({E}[None], {S}[None], {S}[None])", "F.scaled_dot_product_attention({E}[None], {E}[None], {E}[None], is_causal=True)", "F.glu({E}, {d})", "F.softmin({E}, {d})",
    "F.interpolate({E}[None], scale_factor=2)", "F.interpolate({E}[None, None], size=(3, 3), mode='bilinear')", "F.pixel_shuffle({E}[None, None].expand(1, 4, *{E}.shape), 2)", "F.unfold({E}[None, None], 2, padding=1)", "F.margin_ranking_loss({E}, {S}, torch.ones(()))",
    "F.dropout({E}, 0.)", "F.dropout({E}, 1.)", "F.dropout({E}, 0.5, False)", "(F.dropout(torch.ones({s}), 0.5) - 1).abs()", "(torch.rand_like({E}) < 2).to({E}.dtype) * {E}", "torch.randn({s}) * 0 + {E}", "F.lp_pool1d({E}[None].abs() + 1, 2, 2)", 
    "F.prelu({E}, torch.tensor(0.2))", "F.bilinear({E}, {S}, torch.ones(1, {E}.shape[-1], {S}.shape[-1]))", "F.embedding_bag({I}[None], {E})", "F.poisson_nll_loss({E}, {S}.abs())", "F.gaussian_nll_loss({E}, {S}, {S}.abs() + 0.1)",
)  # fmt: skip
DYNAMIC = (
    "{E}.quantile(0.4)",
    "torch.combinations({E}.reshape(-1)[:3])",
    "F.local_response_norm({E}[None], 2)",
    "torch.histc({E}, 3)",
    "torch.tensor(float({E}.detach().sum()))",
    "{E}.trace()",
    "{E}.mode({d})[0]",
    "{E}.unique_consecutive()",
    "{E}.nonzero()",
    "{E}[{m}]",
    "{E}.nonzero().shape[0] * {S}",
    "{E}.masked_select({m})",
)
NETS = ("net({E})", "net({E})", "net({E} * {c})", "net({E}).tanh()", "net({E}[None])")
VIEWS = (
    "{E}.t()", "{E}.t()", "{E}.mT", "{E}.transpose(0, -1)", "{E}.view(-1)", "{E}.reshape(-1)", "{E}.unsqueeze({d})", "{E}.squeeze()", "{E}.squeeze({d})", "{E}[0]", "{E}[-1]", "{E}[1:]", "{E}[:-1]", "{E}[::2]", "{E}[:, 0]", "{E}[..., 1:]",
    "{E}[..., ::2]", "{E}[:]", "{E}[None]", "{E}[0:1]", "{E}.expand(2, *{E}.shape)", "{E}.expand_as({S})", "{E}.narrow({d}, 0, 1)", "{E}.select({d}, 0)", "{E}.chunk(2, {d})[0]", "{E}.split(1, {d})[-1]", "{E}.unbind({d})[0]", "{E}.diagonal()", "{E}.flatten()",
    "{E}.movedim(0, -1)", "{E}.permute(*range({E}.ndim)[::-1])", "{E}.unfold({d}, 1, 1)", "{E}.unfold({d}, 2, 1)", "{E}.unfold(-1, 2, 1)", "{E}.as_strided(({n}, {n}), (1, 1))", "{E}.as_strided(({n},), (1,), 1)", "{E}.as_strided(({n}, {n}), ({n}, 1))",
    "{E}.swapaxes(0, 1)", "{E}.ravel()", "{E}.view_as({E})", "{E}.detach()", "{E}.data", "{E}.unflatten(-1, (1, -1))", "{E}.tensor_split(2, {d})[0]", "torch.broadcast_tensors({E}, {S})[0]", "{E}.mT[..., :1]", "{E}.real", "{E}.hsplit(1)[0]", "{E}.view({E}.dtype)",
    "{E}.as_strided({s}, {E}.stride())", "torch.split({E}, [1, {E}.shape[-1] - 1], -1)[1]", "{E}.T",
)  # fmt: skip
WRITES = (
    "{T}.add_({S})", "{T}.add_({c})", "{T}.mul_({c})", "{T}.mul_({S})", "{T}.sub_({S})", "{T}.div_({c})", "{T}.div_({S}.abs() + 1)", "{T}.copy_({S})", "{T}.fill_({c})", "{T}.zero_()", "{T}.clamp_(-1, 1)", "{T}.neg_()", "{T}.sin_()", "{T}.tanh_()", "{T}.relu_()", "{T}.sigmoid_()",
    "{T}.abs_()", "{T}.pow_(2)", "{T}.lerp_({S}, 0.5)", "{T}.addcmul_({S}, {S})", "{T}.masked_fill_({m}, {c})", "{T}.index_add_(0, {I}, {S})", "{T}.index_fill_({d}, {I}, {c})", "{T}.index_copy_(0, {I}, {S})", "{T}.scatter_(0, torch.zeros({s}, dtype=torch.long), {S})", "{T}.fill_diagonal_({c})",
    "{T}[0] = {c}", "{T}[0] = {S}[0]", "{T}[-1] += {c}", "{T}[..., 0] = {c}", "{T}[..., :1] *= {c}", "{T}[1:] = {S}[:-1]", "{T}[{m}] = {c}", "{T}[{m}] *= {c}", "{T}[{I}] = {c}", "{T}[{I}] += {c}", "{T}[:] = {S}", "{T}[:, 0] = {S}[:, 0]", "{T}[::2] -= {S}[::2]", "{T}[:, ::2].mul_({c})",
    "{T}.t().add_({c})", "{T}.t().mul_({S}.t())", "{T}.view(-1).mul_({c})", "{T}.view(-1)[0] = {c}", "{T}[:1].zero_()", "{T}[0].copy_({S}[0])", "{T}.diagonal().add_({c})", "{T}.unfold(0, 1, 1).mul_({c})", "{T}.unfold(-1, 2, 2).mul_({c})", "{T}.as_strided(({n},), (1,)).add_({c})", "{T}.as_strided(({n},), (2,)).mul_({c})",
    "{T}.unsqueeze(0).mul_({c})", "{T}.squeeze().add_({c})", "{T}.transpose(0, -1).copy_({S}.transpose(0, -1))", "{T}.chunk(2, -1)[0].mul_({c})", "{T}.unbind(0)[0].add_({c})", "{T}.data.mul_({c})", "{T}.detach().add_({c})", "{T} += {S}", "{T} *= {c}", "{T} -= {S}.mean()", "torch.add({T}, {S}, out={T})",
    "torch.mul({S}, {c}, out={T})", "{T}.cumsum_(0)", "{T}.t_()", "{T}.unsqueeze_(0)", "{T}.add_({S}.sum())", "{T}.add_({T}.t())", "{T}.copy_({T}.flip(0))", "{T}.mul_(0.5).add_({S}, alpha=0.5)", "{T}.lerp_({S}.mean(0), 0.1)", "{T}.copy_({S}.t())", "{T}.addmm_({S}, {S}.t())",
    "{T}.addcdiv_({S}, {S}.abs() + 1, value=0.1)", "{T}.exp_().clamp_(max=3)", "{T}.floor_()", "{T}.tril_()", "{T}.index_put_(({I},), {S}[0])", "{T}.put_({I}, {S})", "{T}.data = {S} * 1", (0.1, "{T}.resize_({T}.shape)"), "{T}.data[0] = {c}", "F.relu({T}, inplace=True)", (0.1, "{T}.numpy()[...] *= 1"), "{T}.requires_grad_(False)", "{T}.detach_()",
    "{T}.sub_({T}.mean({d}, keepdim=True))", "{T}.div_({T}.norm() + 1)", "{T}.cumsum({d}, out={T})", "{T}.add_({S}.mean(0)); {T}.mul_({c})", "{T}.swapaxes(0, 1).sub_({S})",
)  # fmt: skip
EFFECTS = (
    "x.retain_grad()", "x.tag = 5", "x.register_hook(lambda g: g * 2)", "y.tag = 'a'", "y.retain_grad()", "y.register_hook(lambda g: g + 1)",
    "{E}.retain_grad()", "{E}.register_hook(lambda g: g * 2)", "{E}.register_hook(lambda g: None)", "{E}.tag = 5", "{E}.requires_grad_()", "{E}.grad = None", "{E}.grad = torch.ones_like({E})", (0.1, "count.append(1)"), "count[0] += 1", "{E}.grad.mul_(2)", "{E}.grad.zero_()", "c1 is None",
    "{E}.requires_grad_(False)",
)  # fmt: skip
FLOW = (
    (0.3, "if float({E}.sum()) > 0:\n    {h} = {E} * 2\nelse:\n    {h} = {E} + 1"), "if {E}.mean() > {c}:\n    {h} = {E}.sin()\nelse:\n    {h} = {E}.cos()", "if bool(({E} > 0).any()):\n    {h} = {E} * {c}\nelse:\n    {h} = {E}", "{h} = {E}\nfor _ in range(2):\n    {h} = {h} * {c} + {S}", "{h} = {E} * count[0]", "count[0] += 1",
    "with torch.no_grad():\n    {h} = {E} * {S}", "with torch.enable_grad():\n    {h} = {E}.sin()", "{h} = {E} * k", "{h} = {E} * scale", "{h} = {E} * {E}.shape[0]", (0.1, "{h} = {E} + {E}.sum().item()"), "{h} = {E} if {E}.requires_grad else -{E}", "{h} = [{E}, {S}][0] * 2", "{h} = sum([{E}, {S}, {E}])",
    "{h} = {E} * {E}.numel()", "if k > 1:\n    {h} = {E} * 2\nelse:\n    {h} = {E} * 3", (0.1, "{h} = max({E}.reshape(-1).tolist()) * {S}"), (0.1, "{h} = {E} * int({E}.argmax())"), "if count[0] % 2:\n    {h} = {E}\nelse:\n    {h} = {S}", "{h} = {E} * net.training", "{h} = next(iter({E}))", "{h} = {E}\nfor e in {E}.unbind(0):\n    {h} = {h} + e.sum()",
    "{h}, _ = torch.broadcast_tensors({E}, {S})\n{h} += 1", "{h}, _ = {E}.chunk(2, -1)\n{h}[..., 0] = 0", "{h} = {E} * 1\n{h}.mul_({c})", "{h} = {E}.clone()\n{h}[0] = {c}", "{h} = ({E} * 1).view(-1)\n{h}.add_({c})", "{h} = {E} * 1\n{h}b = {h}[:]\n{h}.mul_({c})", "{h} = {E} * 1\n{h}.unfold(0, 1, 1).mul_({c})", "{h} = {E} * 1\n{h}[..., 0].mul_({c})",
    "{h} = {E} * 1\n{h}b = {h}.t()\n{h}b.mul_({c})", "{h}, {h}b = {E}, {E}.sin().sum()", "{h} = {E} * 2\n{h}b = {h}.sin().sum()", "for {h} in ({E} * 1).unbind(0):\n    {h}.add_({c})", "{h} = {E} * 1\n{h}.t().add_({c})\n{h}b = {h}.sum()", "if False:\n    {E}.add_(1)",
)  # fmt: skip
CHANGES = (
    "with torch.no_grad():\n    {T}.mul_({c})", "with torch.no_grad():\n    {T}.add_({c})", "{T}.grad = None", "with torch.no_grad():\n    {T}.neg_()", "{T}.data = {T}.data * 0.5", "{T}.data.add_(1)", "count[0] += 1", "count[0] = 5", "scale = 3.", "k = 2", "k = 1.5", "net.eval()", "net.train()", "net.zero_grad()", "opt.zero_grad()",
    "opt.param_groups[0]['lr'] *= 0.5", "sched.step()", "opt.step()", "{T} = {T} * 1.", "{T} = {T}.detach().t()", "with torch.no_grad():\n    {T}[..., 0] = {c}", "{T}.requires_grad_()", "{T}.requires_grad_(False)", "base *= 0.5", "torch.manual_seed(3)", "opt.load_state_dict(opt.state_dict())", "net.load_state_dict(net.state_dict())",
    "net.requires_grad_(False)", "net.requires_grad_(True)", "opt.param_groups[0]['weight_decay'] = 0.1", "i1 = i1.flip(0)", "opt.zero_grad(set_to_none=True)", "{T}.grad = torch.ones_like({T})", "gc = [{T} for _ in range(3)]",
)  # fmt: skip
MODULES = (
    "nn.Linear(M, M)", "nn.Linear(M, 2)", "nn.Sequential(nn.Linear(M, 3), nn.ReLU(), nn.Linear(3, M))", "nn.BatchNorm1d(M)", "nn.Sequential(nn.Linear(M, M), nn.BatchNorm1d(M), nn.Tanh())", "nn.BatchNorm1d(M, momentum=None)", "nn.LayerNorm(M)", "nn.Sequential(nn.Linear(M, M), nn.LayerNorm(M), nn.GELU())",
    "nn.GRU(M, 2)", "nn.LSTM(M, 2, batch_first=True)", "nn.RNN(M, 2)", "nn.Conv1d(N, 2, 2, padding=1)", "nn.Sequential(nn.Unflatten(-1, (1, M)), nn.Conv1d(1, 2, 2, padding=1), nn.ReLU(inplace=True), nn.Flatten())", "nn.Sequential(nn.Linear(M, M, bias=False), nn.ReLU(inplace=True))", "nn.PReLU()", "nn.MultiheadAttention(M, 1)",
    "nn.Bilinear(M, M, 2)", "nn.BatchNorm1d(M, affine=False)", "nn.InstanceNorm1d(M, track_running_stats=True)", "nn.Sequential(nn.BatchNorm1d(M), nn.Linear(M, 1), nn.Flatten(0))", "nn.utils.parametrizations.weight_norm(nn.Linear(M, M))", "nn.TransformerEncoderLayer(M, 1, 4, dropout=0.)",
    "nn.GroupNorm(1, M)", "nn.RMSNorm(M)",
)  # fmt: skip
OPTIMIZERS = (  # a large eps: gradients that are nothing but rounding must not become steps
    "SGD({}, lr=0.1)", "SGD({}, lr=0.1, momentum=0.9)", "SGD({}, lr=0.1, momentum=0.9, nesterov=True)", "SGD({}, lr=0.1, weight_decay=0.1, maximize=True)", "Adam({}, lr=0.1, eps=1e-3)", "Adam({}, lr=0.1, amsgrad=True, eps=1e-3)", "AdamW({}, lr=0.1, eps=1e-3)",
    "RMSprop({}, lr=0.05, eps=1e-3)", "RMSprop({}, lr=0.05, centered=True, momentum=0.5, eps=1e-3)", "Adagrad({}, lr=0.1, eps=1e-3)", "Adadelta({}, eps=1e-3)", "Adamax({}, lr=0.05, eps=1e-3)", "NAdam({}, lr=0.05, eps=1e-3)", "RAdam({}, lr=0.05, eps=1e-3)", "ASGD({}, lr=0.05)",
)  # fmt: skip
SCHEDULERS = (
    "StepLR(opt, 2, 0.5)",
    "ExponentialLR(opt, 0.9)",
    "CosineAnnealingLR(opt, 5)",
    "LambdaLR(opt, lambda e: 1 / (1 + e))",
    "LinearLR(opt, total_iters=3)",
    "OneCycleLR(opt, 0.2, total_steps=40)",
)

FAMILIES: tuple[tuple[float, Sequence[str]], ...] = (
    (6, ELEMENTWISE),
    (3, REDUCTIONS),
    (1.5, PRODUCTS),
    (2, SHAPES),
    (2, LAYERS),
    (0.2, DYNAMIC),
)


def is_window(template: str) -> bool:
    """Whether a template takes memory apart in another way than indexing does."""
    return "unfold(" in template or "as_strided" in template


def expression(w: Writer, floats: Sequence[str], depth: int = 0) -> str:
    """A template of an expression, filled."""
    families = FAMILIES if "net" not in w.space else (*FAMILIES, (3, NETS))
    table = w.random.choices([t for _, t in families], [weight for weight, _ in families])[0]
    return fill(w, w.choose(table), {}, floats, depth)


def broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))


def fill(w: Writer, template: str, given: dict[str, str], floats: Sequence[str] = (), depth: int = 0) -> str:
    """A template with its holes filled with names of tensors, numbers and simple expressions."""
    random = w.random

    def main(before: dict[str, str]) -> str:
        if "E" in before and random.random() < 0.7:
            return before["E"]
        name = w.pick(floats)
        if depth < 1 and random.random() < 0.12:
            return expression_in_brackets(w, floats)
        return name

    def shape(before: dict[str, str]) -> tuple[int, ...]:
        value = w.value(before.get("T") or before.get("E") or "None")
        return tuple(value.shape) if isinstance(value, w.library.Tensor) else ()

    def second(before: dict[str, str]) -> str:
        mine = shape(before)
        fits = [n for n in floats if broadcasts(mine, tuple(w.space[n].shape))]
        if "T" in before:
            fits = [n for n in fits if w.space[n].ndim <= len(mine)] or fits
        return w.pick(fits or floats)

    def many(before: dict[str, str]) -> str:
        mine = shape(before)
        return w.pick([n for n in floats if w.space[n].ndim >= len(mine)] or floats)

    def mask(before: dict[str, str]) -> str:
        name = before.get("T") or before.get("E") or w.pick(floats)
        return random.choice([f"{name} > 0", f"({name} > 0)", f"{name} < 0.5", f"{name} != {name}", f"({name} > 0).t()"])

    def indices(before: dict[str, str]) -> str:
        n = max(min(shape(before) or (1,)), 1)
        if "i1" in w.space and random.random() < 0.6:
            return "i1"
        return f"torch.tensor({[random.randrange(n) for _ in range(random.choice([1, 2, n]))]})"

    holes: dict[str, Callable[[dict[str, str]], str]] = {
        "E": main,
        "S": second,
        "L": many,
        "T": lambda b: b.get("T") or w.pick(floats),
        "I": indices,
        "m": mask,
        "c": lambda _: str(random.choice([0.5, 2.0, -1.0, 0.25, 3, 1.5, 0])),
        "d": lambda b: str(random.choice([0, -1, -1, 1])),
        "n": lambda _: str(random.choice([1, 2, 2, 3])),
        "h": lambda b: b.get("h") or w.fresh("h"),
        "s": lambda b: f"{b.get('T') or b.get('E')}.shape",
    }
    fixed: dict[str, Any] = {key: (lambda _, text=text: text) for key, text in given.items()}
    return w.filled(template, holes | fixed)


def expression_in_brackets(w: Writer, floats: Sequence[str]) -> str:
    table = w.random.choice([VIEWS, ELEMENTWISE, VIEWS])
    return f"({fill(w, w.choose(table), {}, floats, 1)})"
