"""Calls that programs make of tensors of their own classes and within modes, for `test_overrides.py`.

`x`, `y`: 3 by 3 of floats; `v`: 3 floats; `i`: 3 indices; `b`: 3 by 3 booleans; `s`: one number; `img`: a batch of images;
`r`: as `x`, with a gradient. All of them are of the class; `t` is an ordinary tensor of 3 by 3.
"""

METHODS = """
x.add(1) | x.add(y) | x.add(y, alpha=2) | x.add(other=y) | x.add_(1) | x.add_(y, alpha=2) | x.sub(y) | x.mul(2) | x.mul_(y) | x.div(y)
x.div(2, rounding_mode='floor') | x.div_(2) | x.pow(2) | x.sqrt() | x.abs() | x.exp() | x.log() | x.tanh() | x.sigmoid() | x.relu()
x.sum() | x.sum(0) | x.sum(dim=0) | x.sum(dim=0, keepdim=True) | x.sum((0, 1)) | x.mean() | x.mean(-1) | x.mean(dim=(0, 1)) | x.std()
x.var(0) | x.max() | x.max(0) | x.max(dim=1) | x.min(y) | x.argmax() | x.argmax(dim=1) | x.argmin(1) | x.topk(2) | x.sort()
x.sort(dim=0, descending=True) | x.reshape(9) | x.reshape(-1) | x.reshape(1, 9) | x.reshape((1, 9)) | x.view(9) | x.view(-1, 3)
x.view((9,)) | x.view(torch.int32) | x.view_as(y) | x.flatten() | x.flatten(0) | x.flatten(start_dim=0) | x.permute(1, 0)
x.permute((1, 0)) | x.transpose(0, 1) | x.t() | x.squeeze() | x.squeeze(0) | x.unsqueeze(0) | x.unsqueeze(dim=-1) | x.expand(2, 3, 3)
x.expand(-1, 3) | x.expand_as(y) | x.repeat(2, 1) | x.repeat((2, 1)) | x.contiguous() | x.split(1) | x.split(1, dim=1) | x.split([1, 2])
x.chunk(2) | x.chunk(3, dim=1) | x.unbind() | x.unbind(0) | x.narrow(0, 0, 2) | x.select(0, 1) | x.gather(1, i.reshape(3, 1))
x.scatter(1, i.reshape(3, 1), 0.0) | x.index_select(0, i) | x.masked_fill(b, 0.0) | x.masked_fill_(b, 1.0) | x.masked_select(b)
x.clamp(0) | x.clamp(min=0) | x.clamp(0, 1) | x.clamp_(min=0, max=1) | x.clamp_min(0) | x.where(b, y) | x.matmul(y) | x.mm(y) | x.mv(v)
v.dot(v) | x.bmm(x) | x.addmm(x, y) | x.cumsum(0) | x.cumprod(dim=0) | x.norm() | x.norm(dim=1) | x.norm(2) | x.softmax(0)
x.softmax(dim=-1) | x.log_softmax(dim=1) | x.float() | x.double() | x.half() | x.long() | x.int() | x.bool() | x.bfloat16()
x.to(torch.float64) | x.to('cpu') | x.to(t) | x.to(dtype=torch.float64) | x.type(torch.float64) | x.type() | x.type_as(t) | x.cpu()
x.clone() | x.detach() | x.detach_() | x.data | x.numpy() | x.tolist() | s.item() | x.zero_() | x.fill_(1) | x.copy_(y) | x.normal_()
x.uniform_() | x.uniform_(-1, 1) | x.new_zeros(2) | x.new_zeros((2, 2)) | x.new_ones(2, 2) | x.new_tensor([1.0]) | x.new_empty(2)
x.new_full((2,), 1.0) | x.size() | x.size(0) | x.size(-1) | x.dim() | x.numel() | x.nelement() | x.ndimension() | x.element_size()
x.stride() | x.stride(0) | x.is_contiguous() | x.is_floating_point() | x.is_complex() | x.data_ptr() | x.storage_offset() | x.get_device()
x.requires_grad_() | x.requires_grad_(False) | x.eq(y) | x.ne(y) | x.lt(0) | x.ge(y) | x.equal(y) | x.allclose(y) | x.isnan()
x.isfinite() | x.all() | x.any() | x.any(dim=0) | b.logical_not() | b.logical_and(b) | x.triu() | x.tril(diagonal=-1) | x.diag()
x.diagonal() | x.trace() | x.roll(1) | x.flip(0) | x.flip((0, 1)) | x.unfold(0, 2, 1) | x.round() | x.floor() | x.neg() | x.rsqrt()
x.reciprocal() | x.sign() | x.sin() | x.cos() | x.erf() | x.lerp(y, 0.5) | x.addcmul(x, y) | x.addcdiv_(x, y, value=0.1) | x.nonzero()
x.unique() | i.bincount() | x.index_fill(0, i, 1.0) | x.index_add(0, i, y) | x.prod() | x.logsumexp(0) | x.logsumexp(dim=1) | x.cov()
x.det() | x.inverse() | x.is_pinned() | x.share_memory_() | x.apply_(lambda e: e + 1) | t.add(x) | t.mul(x) | t.add_(x) | t.copy_(x)
t.matmul(x) | t.where(b, t) | t.masked_fill(b, 0.0) | t.index_select(0, i) | x.as_strided((2,), (1,)) | x.as_subclass(torch.Tensor)
x.swapaxes(0, 1) | x.moveaxis(0, 1) | x.tile(2) | x.tile((2, 1)) | x.repeat_interleave(2) | x.kthvalue(1) | x.median() | x.median(0)
x.quantile(0.5) | x.nan_to_num() | x.clip(0, 1) | r.register_hook(lambda g: g) is None | r.retain_grad() | r.sum().backward()
r.sum().backward(retain_graph=True) | r.backward(torch.ones(3, 3)) | r.backward(gradient=torch.ones(3, 3))
"""

SPECIAL = """
len(x) | bool(s) | int(s) | float(s) | complex(s) | repr(x) | str(x) | 1.0 in x | x in [] | list(iter(x)) | [e for e in x] | hash(x)
format(s) | f'{s:.3f}' | x.shape | x.dtype | x.device | x.grad | x.grad_fn | x.requires_grad | x.is_leaf | x.ndim | x.T | x.mT | x.H
x.layout | x.is_cuda | x.is_sparse | x.real | x._version | x._base | x.output_nr | x.nbytes | x.itemsize | x.is_quantized | x.is_mps
x.is_meta | x.is_cpu | x.retains_grad | set_(x, 'requires_grad', True) | set_(x, 'grad', t) | set_(x, 'grad', None) | set_(x, 'data', t)
delattr(x, 'grad') | np.asarray(x) | np.array(x) | np.add(x, 1) | operator.index(i[0]) | reversed(x) | x.__array__() | abs(x) | -x | +x
~b | x == y | x.is_xpu | x.is_mkldnn | x.is_vulkan | x.is_sparse_csr | x.is_nested | x.name | x.is_inference() | x.is_shared()
x.untyped_storage() | x.__len__() | x.__contains__(1.0) | x.__repr__() | s.__bool__() | s.__float__() | s.__int__() | x.__getitem__(0)
math.sqrt(s) | math.floor(s) | round(s) | range(i[1]) | [0, 1, 2][i[0]] | sum(v) | max(v) | min(v) | sorted(v) | any(b.flatten())
a, *_ = x | zip_(x, y) | x.__add__(1) | x.__radd__(1) | divmod_(x, 2)
"""

FUNCTIONS = """
torch.add(x, y) | torch.add(x, 1) | torch.add(x, y, alpha=2) | torch.add(input=x, other=y) | torch.sub(t, x) | torch.mul(x, 2)
torch.matmul(x, y) | torch.mm(t, x) | torch.exp(x) | torch.sum(x) | torch.sum(x, 0) | torch.sum(x, dim=0)
torch.sum(x, dim=(0, 1), keepdim=True) | torch.mean(x) | torch.mean(x, dim=1) | torch.max(x) | torch.max(x, 0) | torch.max(x, y)
torch.min(x, dim=1) | torch.argmax(x, dim=1) | torch.cat([x, t]) | torch.cat((x, t), dim=1) | torch.cat([x, t], 1)
torch.cat(tensors=[t, x]) | torch.stack([x, t]) | torch.stack((t, x), dim=1) | torch.stack([t, x], -1) | torch.hstack([x, t])
torch.vstack((t, x)) | torch.concat([x, t]) | torch.dstack([x, t]) | torch.where(b, x, t) | torch.where(b, x, 0.0) | torch.where(b)
torch.einsum('ij,jk->ik', x, t) | torch.einsum('ij,jk->ik', [x, t]) | torch.tensordot(x, y, dims=1) | torch.reshape(x, (9,))
torch.reshape(x, (-1,)) | torch.transpose(x, 0, 1) | torch.permute(x, (1, 0)) | torch.squeeze(x) | torch.unsqueeze(x, 0)
torch.flatten(x) | torch.flatten(x, start_dim=0) | torch.split(x, 1) | torch.split(x, 1, dim=1) | torch.chunk(x, 2) | torch.unbind(x)
torch.norm(x) | torch.norm(x, dim=1) | torch.norm(x, 2, 1) | torch.zeros_like(x) | torch.ones_like(x) | torch.rand_like(x)
torch.randn_like(x, dtype=torch.float64) | torch.empty_like(x) | torch.full_like(x, 2.0) | torch.softmax(x, 0) | torch.softmax(x, dim=-1)
torch.sigmoid(x) | torch.tanh(x) | torch.relu(x) | torch.clamp(x, 0, 1) | torch.clamp(x, min=0) | torch.abs(x) | torch.sort(x)
torch.topk(x, 2) | torch.unique(x) | torch.unique(x, return_counts=True) | torch.unique_consecutive(i)
torch.meshgrid(v, v, indexing='ij') | torch.cdist(x, y) | torch.broadcast_tensors(x, v) | torch.atleast_2d(v) | torch.block_diag(x, y)
torch.cartesian_prod(v, v) | torch.allclose(x, y) | torch.equal(x, t) | torch.is_floating_point(x) | torch.is_complex(x)
torch.is_tensor(x) | torch.numel(x) | torch.gather(x, 1, i.reshape(3, 1)) | torch.index_select(x, 0, i) | torch.masked_select(x, b)
torch.take(x, i) | torch.outer(v, v) | torch.dot(v, v) | torch.bmm(img[0], img[0].transpose(1, 2)) | torch.baddbmm(img[0], img[0], img[0])
torch.diag(v) | torch.eye(3) @ x | torch.cumsum(x, 0) | torch.cumsum(x, dim=0) | torch.var(x) | torch.std(x, dim=0) | torch.var_mean(x)
torch.logsumexp(x, 0) | torch.all(b) | torch.any(b, dim=0) | torch.isnan(x) | torch.isclose(x, y) | torch.isin(i, i)
torch.linalg.norm(x) | torch.linalg.inv(x) | torch.linalg.det(x) | torch.linalg.solve(x, v) | torch.linalg.qr(x)
torch.linalg.matrix_norm(x) | torch.linalg.vector_norm(x, dim=0) | torch.linalg.cholesky(x @ x.T + torch.eye(3)) | torch.linalg.svd(x)
torch.fft.fft(v) | torch.fft.rfft(v, n=4) | torch.special.expit(x) | torch.special.erf(x) | torch.tensor(s) | torch.as_tensor(x)
torch.clone(x) | torch.detach(x) | torch.exp(x, out=t) | torch.add(x, y, out=t) | torch.pow(x, 2) | torch.pow(2, x) | torch.square(x)
torch.lerp(x, y, 0.5) | torch.addmm(x, x, y) | torch.nonzero(x) | torch.nonzero(x, as_tuple=True) | torch.roll(x, 1) | torch.flip(x, (0,))
torch.repeat_interleave(x, 2, dim=0) | torch.bincount(i) | torch.bernoulli(torch.sigmoid(x)) | torch.multinomial(torch.softmax(x, 1), 1)
torch.normal(x, 1.0) | torch.dropout(x, 0.5, True) | torch.scatter(x, 0, i.reshape(1, 3), 1.0) | torch.layer_norm(x, (3,))
torch.embedding(x, i) | torch.result_type(x, y) | torch.can_cast(x.dtype, torch.float64)
torch.promote_types(torch.float32, torch.float64) | torch.autograd.grad(r.sum(), r) | torch.from_numpy(np.ones(2)) | torch.tril(x)
torch.triu(x, 1) | torch.trace(x) | torch.kron(x, y) | torch.cov(x) | torch.linspace(0, 1, 3) | torch.movedim(x, 0, 1) | torch.rot90(x)
torch.cross(x, y, dim=1)
"""

FUNCTIONAL = """
F.relu(x) | F.relu(x, inplace=True) | F.relu(input=x) | F.relu_(x) | F.linear(x, t) | F.linear(t, x) | F.linear(x, t, v)
F.linear(x, weight=t, bias=v) | F.gelu(x) | F.gelu(x, approximate='tanh') | F.softmax(x, dim=-1) | F.softmax(x, 0)
F.log_softmax(x, dim=1) | F.dropout(x) | F.dropout(x, p=0.5, training=False) | F.dropout(x, 0.1, True) | F.leaky_relu(x, 0.2) | F.elu(x)
F.silu(x) | F.mish(x) | F.softplus(x) | F.hardtanh(x) | F.sigmoid(x) | F.tanh(x) | F.logsigmoid(x) | F.selu(x) | F.relu6(x)
F.hardswish(x) | F.glu(img) | F.cross_entropy(x, i) | F.cross_entropy(x, i, reduction='sum') | F.nll_loss(x, i) | F.mse_loss(x, y)
F.mse_loss(x, t, reduction='none') | F.l1_loss(x, y) | F.smooth_l1_loss(x, y) | F.binary_cross_entropy(torch.sigmoid(x), torch.sigmoid(y))
F.binary_cross_entropy_with_logits(x, torch.sigmoid(y)) | F.kl_div(x, y) | F.huber_loss(x, y) | F.cosine_similarity(x, y)
F.layer_norm(x, (3,)) | F.layer_norm(x, (3,), v, v, 1e-5) | F.layer_norm(x, normalized_shape=(3,), weight=v)
F.batch_norm(x, None, None, training=True) | F.batch_norm(x, v, abs(v), training=False) | F.group_norm(img, 1) | F.instance_norm(img)
F.normalize(x) | F.normalize(x, dim=0) | F.embedding(i, x) | F.embedding(i, x, padding_idx=0) | F.one_hot(i) | F.one_hot(i, num_classes=3)
F.conv2d(img, img) | F.conv2d(img, img, padding=1) | F.conv2d(img, img, None, 1, 1) | F.conv1d(img[0], img[0])
F.conv_transpose2d(img, img) | F.max_pool2d(img, 2) | F.max_pool2d(img, kernel_size=2, stride=1) | F.avg_pool2d(img, 2)
F.avg_pool1d(img[0], 2) | F.adaptive_avg_pool2d(img, 1) | F.adaptive_avg_pool2d(img, (1, 1)) | F.adaptive_max_pool2d(img, 1)
F.interpolate(img, scale_factor=2) | F.interpolate(img, size=(2, 2), mode='bilinear', align_corners=False) | F.pad(x, (1, 1))
F.pad(x, (1, 1), value=1.0) | F.pad(x, (1, 1), 'constant', 0) | F.unfold(img, 2) | F.pixel_shuffle(img.repeat(1, 4, 1, 1), 2)
F.scaled_dot_product_attention(img, img, img) | F.scaled_dot_product_attention(img, img, img, is_causal=True)
F.bilinear(x, y, x.reshape(1, 3, 3)) | F.pairwise_distance(x, y) | F.triplet_margin_loss(x, y, x) | F.margin_ranking_loss(v, v, v)
F.hinge_embedding_loss(v, v) | F.multi_margin_loss(x, i) | F.gumbel_softmax(x) | F.threshold(x, 0.0, 0.0) | F.softmin(x, dim=0)
F.rms_norm(x, (3,)) | F.softsign(x) | F.celu(x) | F.prelu(x, v[:1]) | F.upsample(img, scale_factor=2) | F.max_pool1d(img[0], 2)
F.lp_pool2d(img, 2.0, 2) | F.local_response_norm(img, 2) | F.feature_alpha_dropout(img) | F.alpha_dropout(x) | F.dropout2d(img)
F.embedding_bag(i, x, i[:1] * 0) | F.poisson_nll_loss(x, y) | F.gaussian_nll_loss(x, y, abs(t)) | F.cosine_embedding_loss(x, y, v)
F.soft_margin_loss(x, y) | F.multilabel_margin_loss(x, i.expand(3, 3))
"""

MODULES = """
nn.Linear(3, 2)(x) | nn.Linear(3, 2, bias=False)(x) | nn.ReLU()(x) | nn.GELU()(x) | nn.Sigmoid()(x) | nn.Tanh()(x) | nn.Softmax(dim=1)(x)
nn.Dropout()(x) | nn.LayerNorm(3)(x) | nn.Conv2d(1, 2, 2)(img) | nn.Conv1d(3, 2, 1)(x) | nn.Embedding(3, 2)(i) | nn.MSELoss()(x, y)
nn.CrossEntropyLoss()(x, i) | nn.L1Loss()(x, y) | nn.MaxPool2d(2)(img) | nn.AvgPool2d(2)(img) | nn.AdaptiveAvgPool2d(1)(img)
nn.Flatten()(x) | nn.Identity()(x) | nn.Sequential(nn.Linear(3, 3), nn.ReLU())(x) | nn.BCEWithLogitsLoss()(x, y) | nn.NLLLoss()(x, i)
nn.LeakyReLU()(x) | nn.ELU()(x) | nn.SiLU()(x) | nn.GroupNorm(1, 1)(img) | nn.Upsample(scale_factor=2)(img)
nn.ConvTranspose2d(1, 2, 2)(img) | nn.Softplus()(x) | nn.LogSoftmax(dim=1)(x) | nn.CosineSimilarity()(x, y) | nn.PReLU()(x)
nn.KLDivLoss()(x, y) | nn.SmoothL1Loss()(x, y) | nn.ReLU6()(x) | nn.Hardtanh()(x) | nn.Unflatten(1, (3, 1))(x)
"""

FACTORIES = """
torch.ones(3) | torch.ones(2, 3) | torch.ones((2, 3)) | torch.zeros(3, dtype=torch.float64) | torch.zeros(size=(2,)) | torch.empty(2)
torch.full((2,), 1.0) | torch.full(size=(2,), fill_value=1) | torch.arange(3) | torch.arange(0, 3, 1) | torch.arange(end=3)
torch.linspace(0, 1, 5) | torch.logspace(0, 1, 3) | torch.eye(2) | torch.rand(2) | torch.randn(2, 2) | torch.randint(0, 3, (2,))
torch.randint(3, (2,)) | torch.randperm(3) | torch.tensor([1.0]) | torch.tensor(1) | torch.as_tensor([1]) | torch.from_numpy(np.ones(2))
torch.zeros(2).requires_grad_() | torch.complex(torch.ones(1), torch.ones(1)) | torch.tril_indices(3, 3) | torch.Tensor([1.0])
torch.manual_seed(0) | torch.hann_window(3) | torch.empty_strided((2,), (1,)) | torch.scalar_tensor(1.0) | torch.asarray([1.0])
torch.normal(0.0, 1.0, (2,)) | torch.frombuffer(bytearray(8), dtype=torch.float32) | torch.ones(2, device='cpu')
torch.zeros(2, requires_grad=True) | torch.is_grad_enabled() | torch.get_default_dtype() | torch.no_grad() | torch.Generator()
torch.Size([1]) | torch.finfo(torch.float32).eps
"""

MODES = """
copy.deepcopy(x) | x.__deepcopy__({}) | torch.set_grad_enabled(True) | graded(torch.no_grad()) | graded(torch.enable_grad())
graded(torch.inference_mode()) | nn.init.uniform_(x) | nn.init.normal_(x, 0.0, 0.1) | nn.init.constant_(x, 1.0)
nn.init.kaiming_uniform_(x, a=1.0)
"""


def listed(table):
    """The calls of a table, in order."""
    return [call.strip() for line in table.strip().splitlines() for call in line.split(" | ")]
