"""Quantized tensors, fake quantization, observers and dynamically quantized layers against PyTorch's (its x86 engine)."""

import copy
import io
import pickle
import warnings

import numpy as np
import pytest
import torch

import pedigrad

LIBRARIES = (torch, pedigrad)
NUMBERS = np.random.default_rng(7).normal(size=(6, 5)).astype(np.float32) * 3


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def outcome(code, library):
    """What an expression gives, as text; of an error its type among those that programs catch."""
    x = library.tensor(NUMBERS)
    q = library.quantize_per_tensor(x, 0.1, 10, library.quint8)
    c = library.quantize_per_channel(
        x, library.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), library.tensor([0, 1, 2, 3, 4, 5]), 0, library.qint8
    )
    names = {"torch": library, "x": x, "q": q, "c": c, "copy": copy, "pickle": pickle}
    try:
        return repr(eval(code, names)).replace("pedigrad.", "torch.")
    except Exception as error:
        kinds = (NotImplementedError, RuntimeError, TypeError, IndexError, ValueError)
        return next((kind.__name__ for kind in kinds if isinstance(error, kind)), f"{type(error).__name__}: {error}")


SPECIAL = "torch.tensor([0.5, 1.5, 2.5, -0.5, 1e10, -1e10, float('nan'), float('inf')])"
EXPRESSIONS = f"""
q
c
q.int_repr()
torch.int_repr(q)
q.dequantize()
c.dequantize()
x.dequantize()
torch.ones(2).half().dequantize()
torch.ones(2, dtype=torch.int).dequantize()
torch.dequantize([q, q])
(q.q_scale(), q.q_zero_point(), q.qscheme(), q.dtype, q.is_quantized, x.is_quantized)
(c.q_per_channel_scales(), c.q_per_channel_zero_points(), c.q_per_channel_axis(), c.qscheme())
(q.shape, q.stride(), q.numel(), q.element_size(), q.itemsize, q.nbytes, q.is_contiguous(), len(q), q.type(), q.dim())
torch.quantize_per_tensor({SPECIAL}, 1.0, 1, torch.quint8).int_repr()
torch.quantize_per_tensor({SPECIAL}, 1.0, 1, torch.qint8).int_repr()
torch.quantize_per_tensor({SPECIAL}, 1.0, 1, torch.qint32).int_repr()
torch.quantize_per_tensor([x, x[0]], torch.tensor([0.5, 0.25]), torch.tensor([1, 2]), torch.quint8)
torch.quantize_per_tensor(x, torch.tensor(0.5), torch.tensor(3), torch.qint8)
torch.quantize_per_channel(x, torch.full((5,), 0.25), torch.tensor([0.5, 1.0, 0.0, 2.0, 3.0]), 1, torch.quint8)
torch.quantize_per_tensor_dynamic(x, torch.quint8, False)
torch.quantize_per_tensor_dynamic(x, torch.qint8, True)
torch._choose_qparams_per_tensor(x, True)
torch._choose_qparams_per_tensor(x * 0)
torch._choose_qparams_per_tensor(x * 1e-4)
torch._choose_qparams_per_tensor(x.abs() * 1e-4)
torch._make_per_tensor_quantized_tensor(torch.tensor([1, 2], dtype=torch.uint8), 0.5, 1)
torch._make_per_channel_quantized_tensor(torch.tensor([1, 2], dtype=torch.int8), torch.tensor([0.5, 1.0]), torch.tensor([0, 0]), 0)
torch.quantize_per_tensor(torch.ones(2, requires_grad=True), 1.0, 0, torch.qint8).dequantize()
q.view(5, 6)
q.reshape(-1)
q.flatten()
q.permute(1, 0)
q.t().contiguous()
q.unsqueeze(0).squeeze(0)
q[0]
q[1:3, ::2]
q[0, 1].item()
c[1]
[*q]
q.expand(2, 6, 5)
q.chunk(2)
q.split(4)
q.unfold(1, 2, 1)
q.index_select(0, torch.tensor([0, 2]))
q.repeat(2, 1)
torch.cat([q, q])
torch.stack([q, q])
q.clone()
c.clone()
c.contiguous()
q.detach()
q.cpu()
q.relu()
torch.relu(q)
q.max()
q.min(1)
q.sort()
q.topk(2)[0]
q == q
q > 0.5
q.eq(q)
torch.equal(q, q)
torch.equal(q, q.clone())
q.fill_(1.0)
q.copy_(torch.full((6, 5), 0.33))
q.clone().copy_(torch.quantize_per_tensor(x, 0.5, 1, torch.quint8))
torch.nn.Parameter(q, requires_grad=False)
copy.deepcopy(q)
copy.deepcopy(c)
pickle.loads(pickle.dumps(torch.per_tensor_affine)) is torch.per_tensor_affine
torch.typename(q)
q + q
q.sum()
-q
torch.abs(q)
torch.nn.functional.linear(q, q)
torch.zeros_like(q)
q.requires_grad_()
q.numpy()
q.tolist()
q.float()
q.to(torch.int8)
bool(q)
c.q_scale()
q.q_per_channel_scales()
x.q_scale()
x.int_repr()
x.qscheme()
c.view(5, 6)
c.t()
torch.cat([q, torch.quantize_per_tensor(x, 0.5, 1, torch.quint8)]).q_scale() * 0
torch.quantize_per_tensor(torch.ones(2, dtype=torch.int), 1.0, 0, torch.qint8)
torch.quantize_per_tensor(torch.ones(2).double(), 1.0, 0, torch.qint8)
torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.int8)
torch.quantize_per_tensor(torch.ones(2), 1.0, 300, torch.quint8)
torch.quantize_per_channel(x, torch.ones(3), torch.zeros(3), 0, torch.quint8)
torch.quantize_per_channel(x, torch.ones(5), torch.zeros(5, dtype=torch.int64), 2, torch.quint8)
""".strip().splitlines()
EXPRESSIONS.remove("torch.cat([q, torch.quantize_per_tensor(x, 0.5, 1, torch.quint8)]).q_scale() * 0")  # PyTorch rescales


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_quantized_tensors_are_pytorchs(code):
    expected, got = (outcome(code, library) for library in LIBRARIES)
    assert got == expected


@pytest.mark.parametrize("dtype", ["quint8", "qint8", "qint32"])
@pytest.mark.parametrize("by_channel", [False, True])
def test_what_lies_near_the_middle_of_two_numbers_is_rounded_as_by_pytorch(dtype, by_channel):
    rng = np.random.default_rng(3)
    for scale in rng.uniform(0.001, 0.2, 12):
        x = ((rng.integers(-90, 90, 4000) + 0.5) * scale * (1 + rng.uniform(-3e-7, 3e-7, 4000))).astype(np.float32)
        found = []
        for library in LIBRARIES:
            t, kind = library.tensor(x), getattr(library, dtype)
            if by_channel:
                scales = library.tensor([scale, scale * 1.1], dtype=library.float64)
                made = library.quantize_per_channel(t.reshape(2, -1), scales, library.tensor([3, -2 if dtype == "qint8" else 2]), 0, kind)
            else:
                made = library.quantize_per_tensor(t, float(scale), 3, kind)
            found.append(made.int_repr().numpy())
        np.testing.assert_array_equal(found[1], found[0])


INT32 = "dtype=torch.int32"
FAKE = [
    "torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 15)",
    "torch.fake_quantize_per_tensor_affine(x.double(), 0.1, 3, 0, 255)",
    "torch.fake_quantize_per_tensor_affine(x.half(), 0.1, 3, 0, 25)",
    "torch.fake_quantize_per_tensor_affine(x.bfloat16(), 0.1, 3, 0, 25)",
    "torch.fake_quantize_per_tensor_affine(x[0, 0], 0.1, 3, 0, 255)",
    f"torch.fake_quantize_per_tensor_affine(x, torch.tensor(0.1), torch.tensor(3, {INT32}), 0, 15)",
    f"torch.fake_quantize_per_tensor_affine(x, torch.tensor([0.1]), torch.tensor([3], {INT32}), -8, 7)",
    f"torch.fake_quantize_per_channel_affine(x, torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]), torch.arange(5, {INT32}), 1, 0, 15)",
    f"torch.fake_quantize_per_channel_affine(x, torch.full((6,), 0.1), torch.zeros(6, {INT32}), -2, -8, 7)",
    "torch.fake_quantize_per_channel_affine(x, torch.full((6,), 0.1), torch.arange(6) + 0.5, 0, 0, 15)",
    "torch.fake_quantize_per_tensor_affine(torch.tensor([float('nan'), float('inf'), -float('inf')]) + 0 * x[0, 0], 0.1, 0, 0, 255)",
    "torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 255, 0)",
    "torch.fake_quantize_per_tensor_affine(x, 0.1, 300, 0, 255)",
    "torch.fake_quantize_per_tensor_affine(x.detach().int(), 0.1, 0, 0, 255)",
    f"torch.fake_quantize_per_tensor_affine(x, torch.tensor(0.1, requires_grad=True), torch.tensor(3, {INT32}), 0, 15)",
    "torch.fake_quantize_per_channel_affine(x, torch.ones(3), torch.zeros(3), 0, 0, 255)",
    "torch.fake_quantize_per_channel_affine(x, torch.ones(6), torch.zeros(6, dtype=torch.long), 0, 0, 255)",
    f"torch.fake_quantize_per_channel_affine(x, torch.ones(6), torch.zeros(6, {INT32}), 2, 0, 255)",
    f"torch.fake_quantize_per_channel_affine(x, torch.ones(6), torch.full((6,), 300, {INT32}), 0, 0, 255)",
]


@pytest.mark.parametrize("code", FAKE)
def test_fake_quantization_and_its_gradient_are_pytorchs(code):
    found = []
    for library in LIBRARIES:
        x = library.tensor(NUMBERS, requires_grad=True)
        try:
            y = eval(code, {"torch": library, "x": x})
            (y.float() * library.arange(float(y.numel())).reshape(y.shape)).sum().backward()
            found.append((repr(y), repr(x.grad)))
        except Exception as error:
            kinds = (NotImplementedError, RuntimeError, IndexError)
            found.append(next(kind for kind in kinds if isinstance(error, kind)))
    assert found[1] == found[0]


def observers(library):
    """Observers of each class with their arguments."""
    ao = library.ao.quantization
    plain = [{}, {"dtype": library.qint8}, {"reduce_range": True}, {"quant_min": 0, "quant_max": 15}, {"dtype": library.qint32}]
    plain += [{"dtype": library.int8}, {"dtype": library.int16}]
    for name in ("MinMaxObserver", "MovingAverageMinMaxObserver", "HistogramObserver"):
        for options in (
            *plain,
            {"dtype": library.qint8, "qscheme": library.per_tensor_symmetric},
            {"qscheme": library.per_tensor_symmetric},
        ):
            if name != "HistogramObserver" or options.get("dtype") is not library.qint32:
                yield getattr(ao, name)(**options)
    for name in ("PerChannelMinMaxObserver", "MovingAveragePerChannelMinMaxObserver"):
        symmetric = {"dtype": library.qint8, "qscheme": library.per_channel_symmetric, "ch_axis": 1}
        for options in (*plain, symmetric, {"qscheme": library.per_channel_affine_float_qparams}):
            yield getattr(ao, name)(**options)
    yield ao.FixedQParamsObserver(0.5, 3)
    yield ao.default_observer()
    yield ao.default_weight_observer.with_args(eps=0.1)()


def seen(observer, library, numbers):
    """What observers say before and after each of some tensors."""
    said = [repr(observer), *map(repr, observer.calculate_qparams())]
    for each in numbers:
        x = library.tensor(each)
        assert observer(x) is x
        said += [repr(observer), *map(repr, observer.calculate_qparams())]
    return said


MANY = np.random.default_rng(0).normal(size=(3, 40, 30)).astype(np.float32)


def test_observers_say_what_pytorchs_say():
    numbers = [MANY[0], MANY[1] * 2 + 1, MANY[2]]
    for theirs, ours in zip(observers(torch), observers(pedigrad), strict=True):
        assert seen(ours, pedigrad, numbers) == seen(theirs, torch, numbers)
        assert list(ours.state_dict()) == list(theirs.state_dict())


def test_a_histogram_with_outliers_finds_the_range_that_pytorchs_finds():
    numbers = MANY.copy()
    numbers[0, 0, 0], numbers[1, 3, 3] = 60.0, -45.0
    found = []
    for library in LIBRARIES:
        observer = library.ao.quantization.HistogramObserver()
        seen(observer, library, numbers)
        found.append([float(each) for each in observer.calculate_qparams()])
    assert found[1] == found[0]


@pytest.mark.parametrize(
    "name",
    ["default_fake_quant", "default_weight_fake_quant", "default_per_channel_weight_fake_quant", "default_fused_act_fake_quant",
     "default_fused_per_channel_wt_fake_quant", "default_fixed_qparams_range_neg1to1_fake_quant", "default_histogram_fake_quant",
     "default_dynamic_fake_quant"],
)  # fmt: skip
def test_fake_quantizing_modules_are_pytorchs(name):
    found = []
    for library in LIBRARIES:
        module = getattr(library.ao.quantization, name)()
        said = [repr(module)]
        for numbers in MANY:
            x = library.tensor(numbers[:3], requires_grad=True)
            module(x).sum().backward()
            said += [repr(module(x).detach()), repr(x.grad), repr(module)]
        module.apply(library.ao.quantization.disable_observer)
        module(library.tensor(MANY[0, :3] * 9))
        said.append(repr(module.scale))
        module.apply(library.ao.quantization.disable_fake_quant)
        said.append(bool((module(library.tensor(MANY[1, :3])) == library.tensor(MANY[1, :3])).all()))
        other = getattr(library.ao.quantization, name)()
        other.load_state_dict(module.state_dict())
        said += [repr(other.scale), repr(list(module.state_dict()))]
        found.append(said)
    assert found[1] == found[0]


def model(library, kind):
    """A model with numbers for weights that are the same in both libraries."""
    nn, rng = library.nn, np.random.default_rng(5)
    made = {
        "linear": lambda: nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Sequential(nn.Linear(20, 5, bias=False))),
        "long": lambda: nn.Sequential(nn.Linear(1500, 3)),
        "lstm": lambda: nn.Sequential(nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True)),
        "gru": lambda: nn.Sequential(nn.GRU(6, 5, 2, bidirectional=True, batch_first=True)),
    }[kind]()
    for p in made.parameters():
        p.data = library.tensor(rng.normal(size=tuple(p.shape)).astype(np.float32) * 0.5)
    return made


SHAPES = {"linear": (7, 30), "long": (4, 1500), "lstm": (3, 4, 6), "gru": (3, 4, 6)}


def arrays(result):
    """The arrays in a nest of tensors."""
    if isinstance(result, (tuple, list)):
        return [array for each in result for array in arrays(each)]
    return [result.detach().numpy()]


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("how", ["qint8", "float16", "by channel"])
def test_dynamically_quantized_layers_compute_what_pytorchs_do(kind, how):
    if how == "by channel" and kind != "linear":
        how = "qint8"
    found = []
    for library in LIBRARIES:
        ao = library.ao.quantization
        before = model(library, kind)
        if how == "by channel":
            quantized = ao.quantize_dynamic(before, {library.nn.Linear: ao.per_channel_dynamic_qconfig})
        else:
            quantized = ao.quantize_dynamic(before, dtype=getattr(library, how))
        x = library.tensor(np.random.default_rng(9).normal(size=SHAPES[kind]).astype(np.float32))
        names = sorted(quantized.state_dict())
        found.append((repr(quantized), names, repr(before), len(list(quantized.parameters())), arrays(quantized(x))))
    (*said, expected), (*ours, got) = found
    assert ours == said
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3 if how == "float16" else 1e-5, atol=2e-3 if how == "float16" else 1e-5)


def test_a_packed_sequence_goes_through_a_quantized_lstm_as_through_pytorchs():
    found = []
    for library in LIBRARIES:
        quantized = library.quantization.quantize_dynamic(model(library, "lstm"))
        x = library.tensor(np.random.default_rng(9).normal(size=(3, 4, 6)).astype(np.float32))
        packed = library.nn.utils.rnn.pack_padded_sequence(x, library.tensor([2, 4, 3]), batch_first=True, enforce_sorted=False)
        out, (h, c) = quantized(packed)
        padded, lengths = library.nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        found.append([*arrays([padded, h, c]), lengths.numpy()])
    for one, other in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_modules_to_quantize_are_found_by_class_name_and_path():
    found = []
    for library in LIBRARIES:
        ao = library.ao.quantization
        before = model(library, "linear")
        specs = (
            {"0"},
            {"2.0": ao.default_dynamic_qconfig},
            {"2"},
            {library.nn.Linear},
            {"2": None, library.nn.Linear: ao.default_dynamic_qconfig},
        )
        found.append([repr(ao.quantize_dynamic(before, spec)) for spec in specs] + [repr(ao.quantize_dynamic(library.nn.Linear(2, 3)))])
        inplace = ao.quantize_dynamic(before, inplace=True)
        assert inplace is before
        assert not before.training
    assert found[1] == found[0]


@pytest.mark.parametrize("kind", ["linear", "lstm"])
def test_a_quantized_model_is_copied_saved_and_loaded(kind):
    quantized = pedigrad.quantization.quantize_dynamic(model(pedigrad, kind))
    x = pedigrad.tensor(np.random.default_rng(9).normal(size=SHAPES[kind]).astype(np.float32))
    expected = arrays(quantized(x))
    other = pedigrad.quantization.quantize_dynamic(model(pedigrad, kind))
    other.load_state_dict(quantized.state_dict())
    file = io.BytesIO()
    pedigrad.save(quantized.state_dict(), file)
    file.seek(0)
    loaded = pedigrad.quantization.quantize_dynamic(model(pedigrad, kind))
    loaded.load_state_dict(pedigrad.load(file))
    for each in (copy.deepcopy(quantized), pickle.loads(pickle.dumps(quantized)), other, loaded):
        for one, two in zip(arrays(each(x)), expected, strict=True):
            np.testing.assert_array_equal(one, two)


CONFIGS = """default_qconfig default_qat_qconfig per_channel_dynamic_qconfig float16_dynamic_qconfig default_debug_qconfig
 default_embedding_qat_qconfig default_per_channel_symmetric_qnnpack_qat_qconfig default_per_channel_symmetric_qnnpack_qconfig
 default_quint8_weight_qconfig default_reuse_input_qconfig default_symmetric_qnnpack_qat_qconfig default_symmetric_qnnpack_qconfig
 default_affine_fixed_qparams_fake_quant default_embedding_fake_quant default_symmetric_fixed_qparams_fake_quant
 default_affine_fixed_qparams_observer default_symmetric_fixed_qparams_observer
 default_per_channel_qconfig float_qparams_weight_only_qconfig default_dynamic_qconfig default_qat_qconfig_v2"""


def configured(library, name):
    """A configuration by name; some are in PyTorch's file alone."""
    return getattr(library.ao.quantization.qconfig, name, None) or getattr(library.ao.quantization, name)


def test_default_configurations_are_pytorchs():
    for name in CONFIGS.split():
        theirs, ours = (repr(configured(library, name)) for library in LIBRARIES)
        assert ours.replace("pedigrad.", "torch.") == theirs
    for engine in ("x86", "fbgemm", "qnnpack", "onednn"):
        for make in ("get_default_qconfig", "get_default_qat_qconfig"):
            theirs, ours = (repr(getattr(library.quantization, make)(engine)) for library in LIBRARIES)
            assert ours.replace("pedigrad.", "torch.") == theirs


def test_a_model_trained_with_fake_quantization_learns():
    library = pedigrad
    library.manual_seed(0)
    layer, fake = library.nn.Linear(3, 1), library.ao.quantization.default_weight_fake_quant.with_args(averaging_constant=1.0)()
    optimizer = library.optim.SGD(layer.parameters(), lr=0.1)
    x = library.tensor(MANY[0, :, :3])
    y = x @ library.tensor([[1.0], [-2.0], [0.5]])
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = (library.nn.functional.linear(x, fake(layer.weight), layer.bias) - y).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
