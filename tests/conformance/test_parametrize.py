"""`torch.nn.utils` against PyTorch's: parametrizations, norms of weights, pruning, fusion, functional calls."""

import copy
import importlib

import pytest

pytest.importorskip("torch")

from side_by_side import agree

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def module(torch, path):
    return importlib.import_module(torch.__name__ + "." + path)


def trained(torch, m, x, tell, steps=3):
    """Tell a few steps of training and what is left."""
    optimizer = torch.optim.SGD(m.parameters(), 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (m(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        tell(loss)
    tell(dict(m.state_dict()), [name for name, _ in m.named_parameters()], [name for name, _ in m.named_buffers()])


@program
def registering(torch, tell):
    P = torch.nn.utils.parametrize

    class Symmetric(torch.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, a):
            return a.triu()

    class Twice(torch.nn.Module):
        def forward(self, x):
            return 2 * x

    class Split(torch.nn.Module):
        def forward(self, a, b):
            return a - b

        def right_inverse(self, w):
            return w.clamp(min=0), -w.clamp(max=0)

    m = torch.nn.Linear(3, 3)
    P.register_parametrization(m, "weight", Symmetric())
    tell(str(m), type(m).__name__, P.is_parametrized(m), P.is_parametrized(m, "bias"), list(m.state_dict()))
    tell(P.type_before_parametrizations(m).__name__, isinstance(m, torch.nn.Linear), "weight" in dict(m.named_parameters()))
    x = torch.randn(4, 3)
    trained(torch, m, x, tell)
    P.register_parametrization(m, "weight", Twice())
    tell(m.weight, str(m.parametrizations))
    tell.error(setattr, m, "weight", torch.ones(3, 3))
    P.register_parametrization(m, "bias", Split())
    tell(m.bias, list(m.state_dict()))
    m.bias = torch.tensor([1.0, -2.0, 3.0])
    tell(m.bias, m.parametrizations.bias.original0, m.parametrizations.bias.is_tensor)
    other = copy.deepcopy(m)
    tell(other.weight, list(other.state_dict()))
    with P.cached():
        tell(m.weight is m.weight)
    tell(m.weight is m.weight)
    tell.error(P.remove_parametrizations, m, "bias", leave_parametrized=False)
    P.remove_parametrizations(m, "bias")
    P.remove_parametrizations(m, "weight", leave_parametrized=False)
    tell(type(m).__name__, dict(m.state_dict()), P.is_parametrized(m), hasattr(m, "parametrizations"))
    tell.error(P.remove_parametrizations, m, "weight")
    tell.error(P.register_parametrization, m, "nothing", Twice())
    tell.error(copy.copy, m)
    trained(torch, m, x, tell)


@program
def refusals_and_buffers(torch, tell):
    P = torch.nn.utils.parametrize

    class Flat(torch.nn.Module):
        def forward(self, x):
            return x.flatten()

    class Wide(torch.nn.Module):
        def forward(self, x):
            return x.double()

    class Nothing(torch.nn.Module):
        def forward(self, x):
            return None

    for kind in (Flat, Wide, Nothing):
        tell.error(P.register_parametrization, torch.nn.Linear(2, 2), "weight", kind())
    tell.error(P.ParametrizationList, [], torch.ones(2))
    m = P.register_parametrization(torch.nn.Linear(2, 2), "weight", Flat(), unsafe=True)
    tell(m.weight.shape == torch.Size([4]))
    b = torch.nn.BatchNorm1d(2)
    P.register_parametrization(b, "running_mean", torch.nn.Tanh())
    tell(list(b.state_dict()), b.running_mean)
    s = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    P.register_parametrization(s[0], "weight", torch.nn.Tanh())
    P.transfer_parametrizations_and_params(s[0], s[1], "weight")
    tell(list(s.state_dict()), s[1].weight)
    state = s.state_dict()
    t = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    for each in t:
        P.register_parametrization(each, "weight", torch.nn.Tanh())
    tell(str(t.load_state_dict(state)), dict(t.state_dict()))


@program
def orthogonal(torch, tell):
    make = torch.nn.utils.parametrizations.orthogonal
    for sizes in ((3, 3), (3, 5), (5, 3)):
        for name in ("matrix_exp", "cayley", "householder", None):
            if name is not None and sizes[0] != sizes[1] and name != "householder":
                continue  # the rest of the basis is drawn at random, by another factorization
            m = make(torch.nn.Linear(*sizes), orthogonal_map=name)
            tell(m.weight)
            trained(torch, m, torch.randn(4, sizes[0]), tell)
        m = make(torch.nn.Linear(*sizes), orthogonal_map="householder", use_trivialization=False)
        tell(m.weight, list(m.state_dict()))
        m.weight = torch.linalg.qr(torch.randn(max(sizes), max(sizes)))[0][: sizes[1], : sizes[0]]
        tell(m.weight)
    tell.error(make, torch.nn.Linear(2, 2), "bias")
    tell.error(make, torch.nn.Linear(2, 2), "nothing")
    tell.error(make, torch.nn.Linear(2, 2), orthogonal_map="what")


@program
def weight_norms(torch, tell):
    utils = torch.nn.utils
    for make in (utils.parametrizations.weight_norm, utils.weight_norm):
        for dim in (0, 1, -1, None):
            if dim == -1 and make is utils.weight_norm:
                continue
            m = make(torch.nn.Linear(3, 2), dim=dim)
            trained(torch, m, torch.randn(4, 3), tell)
        m = make(torch.nn.Conv2d(2, 3, 3))
        trained(torch, m, torch.randn(1, 2, 5, 5), tell)
    old = utils.weight_norm(torch.nn.Linear(3, 2))
    new = utils.parametrizations.weight_norm(torch.nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    tell(dict(new.state_dict()), str(new), str(old))
    tell.error(utils.weight_norm, old)
    utils.remove_weight_norm(old)
    tell(dict(old.state_dict()), old.weight)
    tell.error(utils.remove_weight_norm, old)
    utils.parametrize.remove_parametrizations(new, "weight")
    tell(dict(new.state_dict()))


@program
def spectral_norms(torch, tell):
    utils = torch.nn.utils
    for make in (utils.parametrizations.spectral_norm, utils.spectral_norm):
        m = make(torch.nn.Linear(4, 3))
        trained(torch, m, torch.randn(5, 4), tell)
        m.eval()
        tell(m(torch.ones(1, 4)), m(torch.ones(1, 4)))
        m = make(torch.nn.Conv2d(2, 3, 3), n_power_iterations=2)
        trained(torch, m, torch.randn(1, 2, 5, 5), tell)
        m = make(torch.nn.ConvTranspose2d(2, 3, 3))
        trained(torch, m, torch.randn(1, 2, 5, 5), tell)
        tell.error(make, torch.nn.Linear(2, 2), n_power_iterations=0)
    m = utils.spectral_norm(torch.nn.Linear(4, 3))
    n = utils.spectral_norm(torch.nn.Linear(4, 3))
    tell(str(n.load_state_dict(m.state_dict())), n.state_dict()._metadata[""])
    utils.remove_spectral_norm(m)
    tell(dict(m.state_dict()), str(m))
    tell.error(utils.remove_spectral_norm, m)


@program
def pruning(torch, tell):
    prune = module(torch, "nn.utils.prune")
    m = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    prune.l1_unstructured(m[0], "weight", 0.3)
    tell(dict(m.state_dict()), m[0].weight, prune.is_pruned(m), prune.is_pruned(m[2]))
    prune.ln_structured(m[0], "weight", 2, n=2, dim=0)
    prune.l1_unstructured(m[0], "weight", amount=3)
    tell(m[0].weight, len(m[0]._forward_pre_hooks))
    prune.l1_unstructured(m[0], "bias", 2, importance_scores=torch.arange(6.0))
    trained(torch, m, torch.randn(3, 4), tell)
    prune.global_unstructured([(m[0], "weight"), (m[2], "weight")], pruning_method=prune.L1Unstructured, amount=0.5)
    tell(m[0].weight, m[2].weight, m[2].weight_mask)
    prune.remove(m[0], "weight")
    tell(dict(m.state_dict()))
    tell.error(prune.remove, m[0], "weight")
    prune.identity(m[0], "weight")
    prune.custom_from_mask(m[0], "weight", torch.eye(6, 4))
    tell(m[0].weight)
    for amount in (-1, 1.5, "a", 100):
        tell.error(prune.l1_unstructured, torch.nn.Linear(2, 2), "weight", amount)
    tell.error(prune.ln_structured, torch.nn.Linear(2, 2), "bias", 1, n=2, dim=0)
    tell.error(prune.ln_structured, torch.nn.Linear(2, 2), "weight", 1, n=2, dim=5)
    r = torch.nn.Linear(10, 10)
    prune.random_unstructured(r, "weight", 0.25)
    tell(r.weight_mask)
    prune.random_structured(torch.nn.Linear(10, 10), "weight", 3, dim=1)
    tell(r.weight_mask.sum())
    tell(prune.L1Unstructured(2).prune(torch.tensor([3.0, -1.0, 2.0, 0.5])))
    tell.error(copy.deepcopy, m[2])


@program
def fusion(torch, tell):
    utils = torch.nn.utils
    conv, bn = torch.nn.Conv2d(2, 3, 3, bias=False).eval(), torch.nn.BatchNorm2d(3)
    bn(torch.randn(4, 3, 5, 5))
    bn.eval()
    x = torch.randn(1, 2, 6, 6)
    fused = utils.fuse_conv_bn_eval(conv, bn)
    tell(fused(x), bn(conv(x)), fused.bias.requires_grad)
    linear, bn1 = torch.nn.Linear(3, 4).eval(), torch.nn.BatchNorm1d(4).eval()
    bn1.running_mean += 1
    tell(utils.fuse_linear_bn_eval(linear, bn1)(torch.ones(2, 3)))
    tell.error(utils.fuse_conv_bn_eval, conv.train(), bn)
    up = torch.nn.ConvTranspose2d(2, 3, 3).eval()
    tell(utils.fuse_conv_bn_eval(up, bn, transpose=True)(x))


@program
def vectors_and_norms(torch, tell):
    utils = torch.nn.utils
    m = torch.nn.Linear(3, 2)
    v = utils.parameters_to_vector(m.parameters())
    tell(v)
    utils.vector_to_parameters(torch.arange(8.0), m.parameters())
    tell(dict(m.state_dict()))
    m(torch.ones(1, 3)).sum().backward()
    grads = [p.grad for p in m.parameters()]
    tell(utils.get_total_norm(grads), utils.get_total_norm(grads, float("inf")), utils.get_total_norm(grads, 1.0))
    utils.clip_grads_with_norm_(m.parameters(), 1.0, utils.get_total_norm(grads))
    tell(grads)
    tell(utils.skip_init(torch.nn.Linear, 3, 2).weight.shape == torch.Size([2, 3]))
    tell.error(utils.skip_init, int)
    c = torch.nn.Conv2d(2, 3, 3)
    utils.convert_conv2d_weight_memory_format(c, torch.channels_last)
    tell(c.weight.stride(), c.weight)


@program
def functional_calls(torch, tell):
    call = module(torch, "func").functional_call
    m = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    before = dict(m.state_dict())
    given = {"0.weight": torch.eye(3), "1.running_mean": torch.ones(3)}
    tell(call(m, given, torch.randn(4, 3)), given["1.running_mean"], dict(m.state_dict()))
    tell(all(a.data_ptr() == b.data_ptr() for a, b in zip(before.values(), m.state_dict().values(), strict=True)))
    w = torch.randn(3, 3, requires_grad=True)
    call(m, ({"0.weight": w}, {"0.bias": torch.zeros(3)}), (torch.randn(4, 3),)).pow(3).sum().backward()
    tell(w.grad, m[0].weight.grad)
    tell.error(call, m, {"nothing": w}, (torch.randn(4, 3),), strict=True)
    tell.error(call, m, ({"0.weight": w}, {"0.weight": w}), (torch.randn(4, 3),))
    tell.error(call, m, 3, (torch.randn(4, 3),))
    t = torch.nn.Linear(3, 3)
    t.other = t.weight
    tell(call(t, {"other": torch.eye(3)}, torch.ones(1, 3)), call(t, {"other": torch.eye(3)}, torch.ones(1, 3), tie_weights=False))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_agrees(program):
    agree(program)
