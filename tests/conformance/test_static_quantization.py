"""Models quantized statically against PyTorch's (its x86 engine): weights, scales and zero points are the same, results within a step."""

import copy
import io
import pickle
import re
import warnings

import numpy as np
import pytest
import torch

import pedigrad
from pedigrad.ops.quantized.products import sums_of

LIBRARIES = (torch, pedigrad)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def drawn(library, module, seed=3):
    """The module with parameters and statistics that are the same in both libraries."""
    rng = np.random.default_rng(seed)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point() and tensor.dim() and "activation_post_process" not in name and "fake_quant" not in name:
            values = rng.normal(size=tuple(tensor.shape)).astype(np.float32) * 0.4
            tensor.data = library.tensor(np.abs(values) + 0.5 if "running_var" in name or ("bn" in name and "weight" in name) else values)
    return module


def network(library):
    """A small residual network with all that is fused."""
    nn = library.nn
    quantized = library.ao.nn.quantized

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant = library.ao.quantization.QuantStub(), library.ao.quantization.DeQuantStub()
            self.conv1, self.bn1, self.relu1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
            self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4), nn.BatchNorm2d(8)
            self.sum = quantized.FloatFunctional()
            self.pool, self.mean = nn.MaxPool2d(3, 2, padding=1), nn.AdaptiveAvgPool2d((1, 1))
            self.drop = nn.Dropout(0.5)
            self.fc1, self.relu2, self.fc2 = nn.Linear(8, 6), nn.ReLU(inplace=True), nn.Linear(6, 5, bias=False)

        def forward(self, x):
            x = self.relu1(self.bn1(self.conv1(self.quant(x))))
            x = self.pool(self.sum.add_relu(x, self.bn2(self.conv2(x))))
            x = self.drop(library.flatten(self.mean(x), 1))
            return self.dequant(self.fc2(self.relu2(self.fc1(x))))

    return Network()


FUSED = [["conv1", "bn1", "relu1"], ["conv2", "bn2"], ["fc1", "relu2"]]
MODELS = {
    "network": (network, (4, 3, 16, 16)),
    "linear": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Linear(70, 40), t.nn.ReLU(), t.nn.Linear(40, 9))), (5, 70)),
    "rows of rows": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Linear(7, 4), t.nn.ReLU6())), (2, 3, 7)),
    "sequences": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Conv1d(3, 6, 5, 2, 2), t.nn.ReLU())), (2, 3, 21)),
    "normalized": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Conv2d(3, 4, 1), t.nn.BatchNorm2d(4))), (2, 3, 5, 4)),
    "each channel alone": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Conv2d(6, 12, 3, groups=6))), (2, 6, 8, 8)),
    "volumes": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Conv3d(2, 4, (1, 2, 3)), t.nn.ReLU())), (2, 2, 3, 5, 6)),
    "normalized volumes": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.BatchNorm3d(2))), (2, 2, 3, 5, 6)),
    "ELU": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.ELU(0.7))), (4, 9)),
    "Hardswish": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Hardswish())), (4, 9)),
    "LeakyReLU": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.LeakyReLU(0.2))), (4, 9)),
    "LayerNorm": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.LayerNorm(9))), (4, 9)),
    "GroupNorm": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.GroupNorm(2, 4))), (3, 4, 5, 6)),
    "means": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Conv2d(3, 4, 3), t.nn.AvgPool2d(2, padding=1))), (2, 3, 9, 9)),
    "a large product": (lambda t: t.ao.quantization.QuantWrapper(t.nn.Sequential(t.nn.Linear(900, 300))), (64, 900)),
}


def rounded(text):
    """A text with the scales in it to five digits, and PyTorch's name for the library."""
    return re.sub(r"\d+\.\d{5,}(e-\d+)?", lambda m: f"{float(m.group()):.4g}", text).replace("pedigrad.", "torch.")


def converted(library, name, engine="x86"):
    """The quantized model, its text before, when prepared, and after, and some data."""
    ao = library.ao.quantization
    make, shape = MODELS[name]
    model = drawn(library, make(library)).eval()
    if name == "network":
        model = ao.fuse_modules(model, FUSED)
    model.qconfig = ao.get_default_qconfig(engine) if engine else ao.default_qconfig
    said = [repr(model)]
    model = ao.prepare(model)
    said.append(repr(model))
    for seed in (1, 2):
        model(library.tensor(numbers(*shape, seed=seed)))
    found = ao.convert(model)
    return found, [*said, rounded(repr(found))], library.tensor(numbers(*shape, seed=9))


def weights(model):
    """The whole numbers, scales and zero points of the weights, and what quantizes results, in order."""
    found = []
    for module in model.modules():
        weight = module.weight() if callable(getattr(module, "weight", None)) else None
        if weight is not None:
            found.append(weight.int_repr().numpy())
            by_channel = "per_channel" in str(weight.qscheme())
            found.append(weight.q_per_channel_scales().numpy() if by_channel else np.float64(weight.q_scale()))
            found.append(weight.q_per_channel_zero_points().numpy() if by_channel else np.int64(weight.q_zero_point()))
            found.append(np.zeros(0) if module.bias() is None else module.bias().detach().numpy())
        if hasattr(module, "zero_point"):
            found += [np.float64(float(module.scale)), np.int64(int(module.zero_point))]
    return found


def steps_apart(one, other, scale):
    return np.abs(one - other).max() / scale


@pytest.mark.parametrize("engine", ["x86", "fbgemm", "qnnpack", ""])
@pytest.mark.parametrize("name", MODELS)
def test_a_quantized_model_is_pytorchs(name, engine):
    if engine != "x86" and name not in ("network", "linear"):
        engine = "fbgemm"
    (theirs, said, x), (ours, ours_said, y) = (converted(library, name, engine) for library in LIBRARIES)
    assert ours_said == said
    for one, other in zip(weights(ours), weights(theirs), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=0 if one.dtype.kind != "f" else 2e-6)
    last = [each for each in weights(theirs) if each.ndim == 0 and each.dtype.kind == "f"][-1]
    expected, found = theirs(x).numpy(), ours(y).numpy()
    layers = 6 if name == "network" else 2 if name in ("linear", "rows of rows") else 1  # each may be a step off
    assert steps_apart(found, expected, last) < layers + 0.01
    assert np.mean(np.abs(found - expected) > last / 2) < 0.1  # most are not


def quantized(library, array, scale=0.05, zero_point=40):
    return library.quantize_per_tensor(library.tensor(array), scale, zero_point, library.quint8)


def layer(library, kind, seed=5):
    """A quantized layer of given weights."""
    nnq, rng = library.ao.nn.quantized, np.random.default_rng(seed)
    made, shape = {
        "linear": lambda: (nnq.Linear(20, 11), (11, 20)),
        "conv1d": lambda: (nnq.Conv1d(4, 6, 3, stride=2, padding=1), (6, 4, 3)),
        "conv2d": lambda: (nnq.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1)), (6, 4, 3, 2)),
        "groups": lambda: (nnq.Conv2d(4, 8, 3, groups=4, padding=1), (8, 1, 3, 3)),
        "wide groups": lambda: (nnq.Conv2d(160, 4, 3, groups=2), (4, 80, 3, 3)),
    }[kind]()
    weight, scales = rng.normal(size=shape).astype(np.float32), rng.uniform(0.01, 0.04, shape[0])
    zeros = np.zeros(shape[0], np.int64)
    weight = library.quantize_per_channel(library.tensor(weight), library.tensor(scales), library.tensor(zeros), 0, library.qint8)
    made.set_weight_bias(weight, library.tensor(rng.normal(size=shape[0]).astype(np.float32)))
    made.scale, made.zero_point = 0.3, 120
    return made


INPUTS = {"linear": (3, 5, 20), "conv1d": (2, 4, 15), "conv2d": (2, 4, 9, 8), "groups": (2, 4, 6, 6), "wide groups": (1, 160, 7, 7)}


@pytest.mark.parametrize("kind", INPUTS)
def test_a_layer_of_given_weights_gives_pytorchs_whole_numbers(kind):
    x = numbers(*INPUTS[kind]) * 3
    expected, found = (layer(library, kind)(quantized(library, x)) for library in LIBRARIES)
    assert (found.q_scale(), found.q_zero_point(), str(found.dtype)) == (expected.q_scale(), expected.q_zero_point(), str(expected.dtype))
    one, other = (np.asarray(each.int_repr().numpy(), np.int64) for each in (found, expected))
    assert one.shape == other.shape
    assert kind == "conv1d" or found.stride() == expected.stride()
    assert np.abs(one - other).max() <= 1
    assert np.mean(one != other) < 0.01


def test_sums_of_large_whole_numbers_are_exact():
    """128 * 255 * 3000 does not fit into float32's 24 bits."""
    x = np.full((1, 3000), 255.0, np.float32)
    for value, expected in ((-128.0, -128 * 255 * 3000), (127.0, 127 * 255 * 3000 - 1 * 255)):
        w = np.full((1, 3000), value, np.float32)
        w[0, 0] += 0 if value < 0 else -1
        linear = pedigrad.ao.nn.quantized.Linear(3000, 1)
        linear.set_weight_bias(pedigrad.quantize_per_tensor(pedigrad.tensor(w), 1.0, 0, pedigrad.qint8), None)
        sums = sums_of(quantized(pedigrad, x, 1.0, 0)._quantized.integers, 0, linear.weight()._quantized)
        assert int(sums.item()) == expected


FUNCTIONS = {
    "mul": lambda t, f, x, y: f.mul(x, y),
    "cat": lambda t, f, x, y: f.cat([x, y], 1),
    "mul_scalar": lambda t, f, x, y: f.mul_scalar(x, 2.5),
    "mul_scalar by less than zero": lambda t, f, x, y: f.mul_scalar(x, -0.5),
    "max_pool2d": lambda t, f, x, y: t.nn.functional.max_pool2d(x, 3, 1, 1),
    "max_pool1d": lambda t, f, x, y: t.nn.functional.max_pool1d(x[0], 2),
    "relu": lambda t, f, x, y: t.nn.functional.relu(x),
    "relu_": lambda t, f, x, y: t.nn.ReLU(inplace=True)(x),
    "relu6": lambda t, f, x, y: t.nn.functional.relu6(x),
    "ReLU6": lambda t, f, x, y: t.ao.nn.quantized.ReLU6()(x),
    "hardtanh": lambda t, f, x, y: t.nn.functional.hardtanh(x, -0.5, 0.7),
    "Dropout": lambda t, f, x, y: t.ao.nn.quantized.Dropout()(x),
    "sigmoid": lambda t, f, x, y: t.sigmoid(x),
    "tanh": lambda t, f, x, y: t.nn.Tanh()(x),
    "flatten": lambda t, f, x, y: t.nn.Flatten()(x),
    "MaxPool2d": lambda t, f, x, y: t.ao.nn.quantized.MaxPool2d(2)(x),
    "relu6 in place": lambda t, f, x, y: t.ao.nn.quantized.ReLU6(True)(x),
    "relu6_": lambda t, f, x, y: t.nn.functional.relu6(x, inplace=True),
}
ROUNDED = {
    "add": lambda t, f, x, y: f.add(x, y),
    "add_relu": lambda t, f, x, y: f.add_relu(x, y),
    "avg_pool2d": lambda t, f, x, y: t.nn.functional.avg_pool2d(x, 3, 2, 1),
    "avg_pool2d without padding": lambda t, f, x, y: t.nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "adaptive_avg_pool2d": lambda t, f, x, y: t.nn.functional.adaptive_avg_pool2d(x, (2, 3)),
    "global": lambda t, f, x, y: t.nn.functional.adaptive_avg_pool2d(x, 1),
    "mean": lambda t, f, x, y: x.mean([2, 3]),
    "mean kept": lambda t, f, x, y: x.mean(1, keepdim=True),
}


def given(library):
    functional = library.ao.nn.quantized.QFunctional()
    functional.scale, functional.zero_point = 0.1, 30
    return library, functional, quantized(library, numbers(2, 3, 6, 7)), quantized(library, numbers(2, 3, 6, 7, seed=1), 0.03, 99)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_operations_on_quantized_tensors_are_pytorchs(name):
    expected, found = (repr(FUNCTIONS[name](*given(library))) for library in LIBRARIES)
    assert found.replace("pedigrad.", "torch.") == expected


@pytest.mark.parametrize("name", ROUNDED)
def test_sums_and_means_of_quantized_tensors_are_pytorchs_to_a_step(name):
    expected, found = (ROUNDED[name](*given(library)) for library in LIBRARIES)
    assert (found.q_scale(), found.q_zero_point(), tuple(found.shape)) == (
        expected.q_scale(),
        expected.q_zero_point(),
        tuple(expected.shape),
    )
    assert np.abs(found.int_repr().numpy().astype(int) - expected.int_repr().numpy().astype(int)).max() <= 1


def trained(library, freeze=False):
    """A model with fake quantizations after some steps, the losses of these, and its text and state before."""
    ao = library.ao.quantization
    model = drawn(library, network(library)).train()
    model.drop.p = 0.0
    model.qconfig = ao.get_default_qat_qconfig("x86")
    model = ao.prepare_qat(ao.fuse_modules_qat(model, FUSED))
    said = [repr(model), list(model.state_dict())]
    optimizer = library.optim.SGD(model.parameters(), lr=0.02)
    losses = []
    for step in range(4):
        if freeze and step == 2:
            model.apply(library.ao.nn.intrinsic.qat.freeze_bn_stats)
            model.apply(ao.disable_observer)
        optimizer.zero_grad()
        loss = (model(library.tensor(numbers(4, 3, 16, 16, seed=step))) - 0.5).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, said, losses


@pytest.mark.parametrize("freeze", [False, True])
def test_training_with_fake_quantization_is_pytorchs(freeze):
    results = []
    for library in LIBRARIES:
        model, said, losses = trained(library, freeze)
        x = library.tensor(numbers(4, 3, 16, 16, seed=8))
        made = library.ao.quantization.convert(model.eval())
        results.append((said, losses, weights(made), made(x).numpy(), rounded(repr(made)).splitlines()))
    (said, losses, expected, out, text), (ours_said, ours_losses, found, ours_out, ours_text) = results
    assert ours_said[1] == said[1]
    assert ours_said[0].replace("pedigrad.", "torch.") == said[0]
    np.testing.assert_allclose(ours_losses, losses, rtol=1e-4)
    assert [re.sub("scale=.*?, zero_point=.*?[,)]", "", line) for line in ours_text] == [
        re.sub("scale=.*?, zero_point=.*?[,)]", "", line) for line in text
    ]
    for one, other in zip(found, expected, strict=True):
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5)
        else:
            assert np.abs(one.astype(int) - other.astype(int)).max() <= 1
    assert steps_apart(ours_out, out, float(expected[-2])) < 8


def test_fused_modules_give_what_the_modules_give():
    for train, names in ((False, FUSED), (True, FUSED)):
        said, outs = [], []
        for library in LIBRARIES:
            ao = library.ao.quantization
            model = drawn(library, network(library)).train(train)
            model.drop.p = 0.0
            fuse = ao.fuse_modules_qat if train else ao.fuse_modules
            x = library.tensor(numbers(2, 3, 16, 16))
            fused = fuse(model, names)
            said.append(repr(fused))
            outs.append((copy.deepcopy(model)(x).detach().numpy(), fused(x).detach().numpy()))
        assert said[0] == said[1]
        for before, after in outs:
            np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


def test_hooks_stay_with_what_is_fused_and_converted():
    seen = []
    for library in LIBRARIES:
        calls = []
        ao, nn = library.ao.quantization, library.nn
        model = drawn(library, ao.QuantWrapper(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))).eval()
        model.module[0].register_forward_pre_hook(lambda m, x, calls=calls: calls.append("before"))
        model.module[1].register_forward_hook(lambda m, x, y, calls=calls: calls.append("after"))
        model.qconfig = ao.default_qconfig
        model = ao.prepare(ao.fuse_modules(model, ["module.0", "module.1"]), inplace=True)
        model(library.ones(2, 3))
        ao.convert(model, inplace=True)(library.ones(2, 3))
        seen.append(calls)
    assert seen[0] == seen[1] == ["before", "after"] * 2


def outcome(code, library):
    """What an expression gives, as text; of an error its type."""
    ao, nn = library.ao.quantization, library.nn
    names = {"torch": library, "ao": ao, "nn": nn, "nnq": library.ao.nn.quantized, "nni": library.ao.nn.intrinsic}
    try:
        return repr(eval(code, names)).replace("pedigrad.", "torch.")
    except Exception as error:
        return next(kind.__name__ for kind in (NotImplementedError, AssertionError, ValueError, RuntimeError) if isinstance(error, kind))


EXPRESSIONS = """
ao.convert(nn.Sequential(nn.Linear(2, 2)))
ao.prepare(nn.Sequential(nn.Linear(2, 2)))
ao.prepare_qat(nn.Sequential(nn.Linear(2, 2)).eval())
ao.fuse_modules(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), ["0", "1"])
ao.fuse_modules(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval(), ["0", "1"])
ao.fuse_modules(nn.Sequential(nn.Conv1d(3, 4, 1), nn.BatchNorm1d(4), nn.ReLU()).eval(), ["0", "1", "2"])
ao.fuse_modules(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval(), ["0", "1"])
ao.fuse_modules(nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()).eval(), [["0", "1"]])
ao.fuse_modules(nn.Sequential(nn.BatchNorm3d(4), nn.ReLU()).eval(), [["0", "1"]])
ao.fuse_modules(nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.ReLU()).eval(), ["0", "1", "2"])
ao.fuse_modules_qat(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), ["0", "1"])
nnq.Linear(3, 2).weight().shape
nnq.Linear(3, 2, bias_=False).bias()
nnq.Conv2d(3, 2, 3, stride=2)
nnq.Conv2d(3, 2, 3, padding=1, dilation=2, groups=1, bias=False)
nnq.Conv1d(3, 2, 3)
nnq.Conv2d(3, 2, 3, padding_mode="circular")
nnq.Conv2d(3, 2, 3, groups=2)
nnq.Quantize(0.5, 3, torch.quint8), nnq.DeQuantize()
nnq.Quantize(0.5, 3, torch.quint8).state_dict()
nnq.FloatFunctional(), nnq.QFunctional()
nnq.FloatFunctional()(1)
nnq.QFunctional()(1)
nnq.FloatFunctional().add_relu(torch.tensor([1.0]), torch.tensor([-2.0]))
nnq.Sigmoid(1 / 256, 0), nnq.ELU(0.1, 3, 0.5), nnq.Hardswish(0.1, 3), nnq.LeakyReLU(0.1, 3), nnq.LeakyReLU(0.1, 3).state_dict()
nnq.Sigmoid(1 / 256, 0)(torch.quantize_per_tensor(torch.tensor([-1.0, 0.3]), 0.1, 3, torch.quint8))
torch.ao.nn.intrinsic.quantized.BNReLU3d(2), torch.ao.nn.intrinsic.quantized.ConvReLU3d(2, 3, 1), nnq.Conv3d(2, 3, 1, groups=1)
nnq.ReLU6(), nnq.Dropout(), nnq.BatchNorm2d(3), list(nnq.BatchNorm2d(3).state_dict())
sorted(nnq.Conv2d(1, 1, 1).state_dict())
sorted(nnq.Linear(1, 1).state_dict())
nni.ConvReLU2d(nn.Conv2d(1, 1, 1), nn.ReLU())
nni.LinearReLU(nn.ReLU(), nn.Linear(1, 1))
nnq.Linear(2, 2)(torch.ones(1, 2))
nnq.Linear.from_float(nn.ReLU())
nnq.Linear.from_float(nn.Linear(2, 2))
ao.add_quant_dequant(ao.QuantWrapper(nn.Linear(2, 2)))
ao.quantize(ao.QuantWrapper(nn.Linear(2, 2)), lambda m, x: m(x), [torch.ones(1, 2)])
torch.ao.nn.qat.Linear(2, 2)
torch.ao.nn.intrinsic.quantized.LinearReLU(2, 3), torch.ao.nn.intrinsic.quantized.ConvReLU2d(2, 3, 1)
""".strip().splitlines()


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_what_modules_say_is_what_pytorchs_say(code):
    assert outcome(code, pedigrad) == outcome(code, torch)


def test_a_quantized_model_is_copied_saved_and_loaded():
    model, _, x = converted(pedigrad, "network")
    expected = model(x).numpy()
    other, _, _ = converted(pedigrad, "network", "fbgemm")
    for module in other.modules():
        if hasattr(module, "set_weight_bias"):
            module.scale = 5.0
    other.load_state_dict(model.state_dict())
    file = io.BytesIO()
    pedigrad.save(model.state_dict(), file)
    file.seek(0)
    loaded, _, _ = converted(pedigrad, "network")
    loaded.load_state_dict(pedigrad.load(file))
    linear, _, y = converted(pedigrad, "linear")
    for one, two in ((copy.deepcopy(model)(x), expected), (other(x), expected), (loaded(x), expected)):
        np.testing.assert_array_equal(one.numpy(), two)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(linear))(y).numpy(), linear(y).numpy())


def mixed(library):
    """A model with a layer of floats between quantized ones, a ReLU by itself, and modules within modules."""
    nn, ao = library.nn, library.ao.quantization

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.floats = ao.QuantWrapper(nn.Linear(4, 4)), nn.Sequential(nn.PReLU(), nn.Linear(4, 4))
            self.quant, self.last = ao.QuantStub(), nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
            self.dequant = ao.DeQuantStub()

        def forward(self, x):
            return self.dequant(self.last(self.quant(self.floats(self.first(x)))))

    return drawn(library, Mixed()).eval()


CHOICES = {
    "a part of floats": lambda ao, m: (setattr(m, "qconfig", ao.default_qconfig), setattr(m.floats, "qconfig", None)),
    "one part": lambda ao, m: setattr(m.first, "qconfig", ao.default_per_channel_qconfig),
    "several": lambda ao, m: (setattr(m, "qconfig", ao.default_per_channel_qconfig), setattr(m.floats, "qconfig", None),
                              setattr(m.last[1], "qconfig", ao.get_default_qconfig("qnnpack"))),
}  # fmt: skip


@pytest.mark.parametrize("name", CHOICES)
def test_parts_of_a_model_are_quantized_as_their_configurations_say(name):
    found = []
    for library in LIBRARIES:
        ao, model = library.ao.quantization, mixed(library)
        CHOICES[name](ao, model)
        prepared = ao.prepare(model)
        text = repr(prepared)
        x = library.tensor(numbers(6, 4))
        prepared(x)
        made = ao.convert(prepared)
        found.append(([text, rounded(repr(made))], weights(made), made(x).detach().numpy()))
    (said, expected, out), (ours_said, got, ours) = found
    assert ours_said[0].replace("pedigrad.", "torch.") == said[0]
    assert ours_said[1] == said[1]
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0 if one.dtype.kind != "f" else 2e-6)
    steps = [float(each) for each in expected if each.ndim == 0 and each.dtype.kind == "f"]
    assert steps_apart(ours, out, max(steps)) < 3


def test_what_observers_have_seen_is_kept_and_loaded():
    found = []
    for library in LIBRARIES:
        ao = library.ao.quantization
        make = lambda seed, library=library, ao=ao: ao.QuantWrapper(drawn(library, library.nn.Sequential(library.nn.Linear(3, 2)), seed))  # noqa: E731
        one, other = make(1), make(2)
        one.qconfig = other.qconfig = ao.default_qconfig
        one, other = ao.prepare(one), ao.prepare(other)
        one(library.tensor(numbers(4, 3)))
        state = ao.get_observer_state_dict(one)
        ao.load_observer_state_dict(other, state)
        found.append([list(state), repr(other), ao.qconfig_equals(ao.default_qconfig, ao.default_per_channel_qconfig)])
        ao.load_observer_state_dict(other, {"another": 1})
        found[-1].append(repr(other))
    assert found[0] == found[1]


def test_layers_that_are_not_there_between_quantized_tensors_are_refused_by_name():
    ao, nn = pedigrad.ao.quantization, pedigrad.nn
    model = ao.QuantWrapper(nn.Sequential(nn.Linear(2, 2), nn.PReLU()))
    model.qconfig = ao.default_qconfig
    prepared = ao.prepare(model)
    prepared(pedigrad.ones(1, 2))
    with pytest.raises(NotImplementedError, match="no PReLU between quantized tensors: set its qconfig to None"):
        ao.convert(prepared)
    with pytest.raises(NotImplementedError, match="add_scalar"):
        pedigrad.ao.nn.quantized.QFunctional().add_scalar(quantized(pedigrad, numbers(2)), 1.0)
    with pytest.raises(NotImplementedError, match="is_reference"):
        ao.convert(prepared, is_reference=True)
    with pytest.raises(NotImplementedError, match="before the layer"):
        pedigrad.ao.nn.quantized.Linear(2, 2)(pedigrad.ones(1, 2))
