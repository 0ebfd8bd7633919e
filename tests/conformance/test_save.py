"""Files of tensors, in both directions: PyTorch reads what we write, and we read what PyTorch writes, bit for bit."""

import collections
import copy
import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

import pedigrad

pytestmark = pytest.mark.filterwarnings("ignore")
LIBRARIES = pytest.mark.parametrize("writer,reader", [(pedigrad, torch), (torch, pedigrad), (pedigrad, pedigrad)], ids=["out", "in", "own"])
DTYPES = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


def through(writer, reader, obj, load=None, **options):
    """`obj` of one library, in the other."""
    file = io.BytesIO()
    writer.save(obj, file, **options)
    file.seek(0)
    return reader.load(file, **(load or {}))


def bits(tensor):
    """All that a tensor is, in numbers that are the same in both libraries."""
    storage = tensor.untyped_storage()
    return (
        str(tensor.dtype), tuple(tensor.shape), tuple(tensor.stride()), tensor.storage_offset(), tensor.requires_grad,
        bytes(storage.tolist()),
    )  # fmt: skip


def made(library, dtype, shape):
    values = np.random.default_rng(0).integers(0, 2, (*shape, 16), dtype=np.uint8)
    item = getattr(library, dtype).itemsize
    flat = library.from_numpy(np.ascontiguousarray(values[..., :item]).reshape(-1))
    if not flat.numel():
        return library.zeros(shape, dtype=getattr(library, dtype))
    return flat.view(getattr(library, dtype)).reshape(shape)


@LIBRARIES
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors(writer, reader, dtype, legacy):
    if legacy and dtype in ("uint16", "uint32", "uint64"):
        pytest.skip("PyTorch cannot read these itself")
    tensors = [made(writer, dtype, shape) for shape in [(), (3,), (0,), (2, 0, 3), (3, 4)]]
    tensors += [tensors[-1].t(), tensors[-1][1:, ::2], tensors[-1][1, 1], tensors[-1][0].expand(5, 4)]
    got = through(writer, reader, tensors, _use_new_zipfile_serialization=not legacy)
    assert [bits(t) for t in got] == [bits(t) for t in tensors]
    got[4].zero_()
    assert all(not t.any() for t in got[4:])


@LIBRARIES
def test_needing_gradients(writer, reader):
    x = writer.ones(2, requires_grad=True)
    got = through(writer, reader, [x, x * 2, x.detach(), writer.nn.Parameter(x.detach()), writer.nn.Parameter(x.detach(), False)])
    assert [t.requires_grad for t in got] == [True, True, False, True, False]
    assert [isinstance(t, reader.nn.Parameter) for t in got] == [False, False, False, True, True]
    assert all(t.is_leaf for t in got) and got[0].data_ptr() == got[2].data_ptr() == got[4].data_ptr()


@LIBRARIES
def test_attributes(writer, reader):
    t, p, b = writer.ones(2), writer.nn.Parameter(writer.ones(2)), writer.nn.Buffer(writer.ones(2))
    t.note, p.note = "a", [1]
    t, p, b = through(writer, reader, [t, p, b])
    assert t.note == "a" and p.note == [1] and isinstance(b, reader.nn.Buffer)


@LIBRARIES
def test_containers(writer, reader):
    table = collections.OrderedDict(a=1, b=writer.zeros(1))
    table.extra = "kept"
    obj = {
        "numbers": [1, -1, 2**40, -(2**70), 1.5, float("inf"), 1j, True, None, "text ü", b"bytes", bytearray(b"b")],
        "nested": ({"x": [(writer.zeros(2),)]}, {"a"}, collections.Counter("aab")), 3: table, (1, "k"): (), 2.5: [],
        "ours": [writer.Size([2, 3]), writer.device("cpu"), writer.strided, *(getattr(writer, d) for d in DTYPES)],
    }  # fmt: skip
    got = through(writer, reader, obj)
    assert str(got) == str(obj)
    assert got[3].extra == "kept" and type(got["ours"][0]) is reader.Size and got["ours"][1] == reader.device("cpu")


@LIBRARIES
def test_same_objects_stay_the_same(writer, reader):
    t = writer.ones(2)
    shared = [1]
    shared.append(shared)
    got = through(writer, reader, [t, t, shared, shared])
    assert got[0] is got[1] and got[2] is got[3] and got[2][1] is got[2]


@LIBRARIES
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(writer, reader, protocol):
    if reader is torch and protocol > 2:
        load = {"weights_only": False}
    else:
        load = {}
    got = through(writer, reader, {"w": writer.nn.Parameter(writer.ones(2)), "d": writer.float16}, load, pickle_protocol=protocol)
    assert got["w"].tolist() == [1, 1] and got["d"] is reader.float16


@LIBRARIES
def test_numpy(writer, reader):
    obj = [np.arange(6.0).reshape(2, 3), np.float64(2.5), np.arange(3, dtype=np.int8)[::2], writer.ones(1)]
    got = through(writer, reader, obj, {"weights_only": False})
    assert all(np.array_equal(a, b) for a, b in zip(got[:3], obj[:3], strict=True)) and type(got[1]) is np.float64
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        through(writer, reader, obj)
    kinds = [np.dtype, type(np.dtype("f8")), type(np.dtype("i1")), np.ndarray, np._core.multiarray._reconstruct, np._core.multiarray.scalar]
    with reader.serialization.safe_globals(kinds):
        got = through(writer, reader, obj)
    assert all(np.array_equal(a, b) for a, b in zip(got[:3], obj[:3], strict=True))


@LIBRARIES
def test_conjugates_and_legacy_classes(writer, reader):
    got = through(writer, reader, writer.tensor([1 + 2j]).conj())
    assert got.tolist() == [1 - 2j]
    for storage in (writer.ones(2).untyped_storage(), writer.LongStorage([1, 2])):
        got = through(writer, reader, storage)
        assert type(got) is reader.storage.TypedStorage and got.tolist() == storage.tolist()


@LIBRARIES
def test_one_memory_as_two_dtypes(writer, reader):
    t = writer.zeros(4)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        writer.save([t, t.view(writer.int32)], io.BytesIO())


# Optimizers and schedulers

OPTIMIZERS = [
    ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {}), ("RMSprop", {}), ("Adagrad", {}), ("Adadelta", {}),
    ("Adamax", {}), ("NAdam", {}), ("RAdam", {}), ("ASGD", {}), ("Rprop", {}), ("LBFGS", {}),
]  # fmt: skip


def trained(library, name, options, steps=3, state=None):
    model = library.nn.Linear(3, 2)
    with library.no_grad():
        for p in model.parameters():
            p.copy_(library.arange(float(p.numel())).reshape(p.shape) / 10)
    optimizer = getattr(library.optim, name)(model.parameters(), **options)
    schedule = library.optim.lr_scheduler.StepLR(optimizer, 2)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
    for _ in range(steps):

        def closure():
            optimizer.zero_grad(set_to_none=True)
            loss = (model(library.ones(4, 3)) - 1).pow(2).mean()
            loss.backward()
            return loss

        optimizer.step(closure)
        schedule.step()
    return model, optimizer, schedule


@LIBRARIES
@pytest.mark.parametrize("name,options", OPTIMIZERS, ids=[name for name, _ in OPTIMIZERS])
def test_training_goes_on_in_the_other_library(writer, reader, name, options):
    model, optimizer, schedule = trained(writer, name, options)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    got = through(writer, reader, state)
    assert got["model"]._metadata == state["model"]._metadata
    here, _, rates = trained(writer, name, options, 2, copy.deepcopy(state))
    there, _, other_rates = trained(reader, name, options, 2, got)
    np.testing.assert_allclose(there.weight.detach().numpy(), here.weight.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert rates.get_last_lr() == other_rates.get_last_lr()


@LIBRARIES
def test_whole_optimizers(writer, reader):
    model, optimizer, schedule = trained(writer, "Adam", {})
    got_model, got, got_schedule = through(writer, reader, (model, optimizer, schedule), {"weights_only": False})
    assert type(got) is reader.optim.Adam and got.param_groups[0]["params"][0] is got_model.weight and got_schedule.optimizer is got
    got_model(reader.ones(1, 3)).sum().backward()
    got.step()
    got_schedule.step()


def test_generators():
    pedigrad.manual_seed(3)
    pedigrad.randn(5)
    torch.set_rng_state(through(pedigrad, torch, pedigrad.get_rng_state()))
    assert torch.rand(7).tolist() == pedigrad.rand(7).tolist()
    pedigrad.set_rng_state(through(torch, pedigrad, torch.get_rng_state()))
    assert torch.rand(7).tolist() == pedigrad.rand(7).tolist()


# Modules

IMAGE, ROWS, SIGNAL = (2, 4, 8, 8), (2, 4), (2, 4, 8)
MODULES = {
    "Linear": (lambda t: t.nn.Linear(4, 3), ROWS),
    "Bilinear": (lambda t: t.nn.Bilinear(4, 4, 2), (ROWS, ROWS)),
    "Conv1d": (lambda t: t.nn.Conv1d(4, 2, 3, padding=1, padding_mode="reflect"), SIGNAL),
    "Conv2d": (lambda t: t.nn.Conv2d(4, 2, 3, padding="same", groups=2), IMAGE),
    "ConvTranspose2d": (lambda t: t.nn.ConvTranspose2d(4, 2, 3, 2), IMAGE),
    "BatchNorm2d": (lambda t: t.nn.BatchNorm2d(4), IMAGE),
    "InstanceNorm2d": (lambda t: t.nn.InstanceNorm2d(4, affine=True), IMAGE),
    "GroupNorm": (lambda t: t.nn.GroupNorm(2, 4), IMAGE),
    "LayerNorm": (lambda t: t.nn.LayerNorm(4), ROWS),
    "RMSNorm": (lambda t: t.nn.RMSNorm(4), ROWS),
    "LocalResponseNorm": (lambda t: t.nn.LocalResponseNorm(2), IMAGE),
    "pools": (lambda t: t.nn.Sequential(t.nn.MaxPool2d(2), t.nn.AvgPool2d(2), t.nn.AdaptiveAvgPool2d(1), t.nn.Flatten()), IMAGE),
    "more pools": (lambda t: t.nn.Sequential(t.nn.LPPool2d(2, 2), t.nn.AdaptiveMaxPool2d(2), t.nn.Upsample(scale_factor=2)), IMAGE),
    "pads": (lambda t: t.nn.Sequential(t.nn.ReflectionPad2d(1), t.nn.ZeroPad2d(1), t.nn.CircularPad2d(1), t.nn.ConstantPad2d(1, 2)), IMAGE),
    "shuffles": (lambda t: t.nn.Sequential(t.nn.PixelShuffle(2), t.nn.PixelUnshuffle(2), t.nn.ChannelShuffle(2)), IMAGE),
    "activations": (
        lambda t: t.nn.Sequential(
            t.nn.ReLU(), t.nn.GELU(), t.nn.ELU(), t.nn.SiLU(), t.nn.PReLU(), t.nn.Softmax(-1), t.nn.Hardtanh(), t.nn.Threshold(0.1, 2),
            t.nn.LeakyReLU(0.2), t.nn.Softplus(), t.nn.LogSoftmax(1), t.nn.Tanh(), t.nn.Mish(), t.nn.SELU(), t.nn.Softshrink(), t.nn.GLU(),
        ),
        ROWS,
    ),
    "Dropout": (lambda t: t.nn.Sequential(t.nn.Dropout(0.3), t.nn.Unflatten(1, (2, 2))), ROWS),
    "Embedding": (lambda t: t.nn.Embedding(5, 3, padding_idx=1), "indices"),
    "EmbeddingBag": (lambda t: t.nn.EmbeddingBag(5, 3, mode="sum"), "indices"),
    "LSTM": (lambda t: t.nn.LSTM(8, 3, 2, batch_first=True, bidirectional=True), SIGNAL),
    "GRU": (lambda t: t.nn.GRU(8, 3), SIGNAL),
    "RNN": (lambda t: t.nn.RNN(8, 3, nonlinearity="relu"), SIGNAL),
    "LSTMCell": (lambda t: t.nn.LSTMCell(4, 3), ROWS),
    "attention": (lambda t: t.nn.MultiheadAttention(8, 2, batch_first=True), (SIGNAL, SIGNAL, SIGNAL)),
    "encoder": (lambda t: t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), 2), SIGNAL),
    "decoder": (lambda t: t.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), (SIGNAL, SIGNAL)),
    "ModuleList": (lambda t: t.nn.ModuleList([t.nn.Linear(4, 4), t.nn.Identity()]), None),
    "ModuleDict": (lambda t: t.nn.ModuleDict({"a": t.nn.Linear(4, 4), "b": t.nn.ParameterList([t.nn.Parameter(t.ones(2))])}), None),
    "ParameterDict": (lambda t: t.nn.ParameterDict({"a": t.nn.Parameter(t.ones(2)), "b": t.zeros(1)}), None),
    "CrossEntropyLoss": (lambda t: t.nn.CrossEntropyLoss(weight=t.ones(4), label_smoothing=0.1), (ROWS, ROWS)),
    "losses": (lambda t: t.nn.ModuleList([t.nn.MSELoss(), t.nn.BCEWithLogitsLoss(), t.nn.HuberLoss(delta=2.0), t.nn.CTCLoss()]), None),
    "distances": (lambda t: t.nn.PairwiseDistance(), (ROWS, ROWS)),
    "LazyLinear": (lambda t: t.nn.LazyLinear(3), None),
}  # fmt: skip


def given(library, what):
    if what == "indices":
        return (library.tensor([[0, 1], [4, 2]]),)
    shapes = what if isinstance(what[0], tuple) else (what,)
    arrays = [np.random.default_rng(i).random(shape, np.float32) for i, shape in enumerate(shapes)]
    return tuple(library.from_numpy(each) for each in arrays)


def flat(result):
    return [result.detach().numpy()] if hasattr(result, "detach") else [a for each in result if each is not None for a in flat(each)]


@LIBRARIES
@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_whole_modules(writer, reader, name, training):
    make, what = MODULES[name]
    module = make(writer).train(training and "ropout" not in name and name not in ("encoder", "decoder"))
    got = through(writer, reader, module, {"weights_only": False})
    assert type(got).__name__ == type(module).__name__ and repr(got) == repr(module)
    assert set(got.state_dict()) == set(module.state_dict())
    if what is not None:
        for a, b in zip(flat(module(*given(writer, what))), flat(got(*given(reader, what))), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    if name != "LazyLinear":
        assert not got.load_state_dict(through(writer, reader, module.state_dict())).missing_keys
        copy.deepcopy(got)
    handle = got.register_forward_hook(lambda *_: None)
    handle.remove()


def test_modules_with_hooks_and_functions():
    def check(writer, reader):
        module = writer.nn.Sequential(writer.nn.Linear(2, 2))
        module.activation = writer.nn.functional.relu
        got = through(writer, reader, module, {"weights_only": False})
        assert got.activation is reader.nn.functional.relu
        calls = []
        got.register_forward_hook(lambda *_: calls.append(1))
        got(reader.ones(1, 2))
        assert calls == [1]

    check(torch, pedigrad)
    check(pedigrad, torch)


def test_quantized_tensors_go_through_files_both_ways():
    def check(writer, reader):
        x = writer.linspace(-1, 1, 12).reshape(3, 4)
        by_channel = writer.quantize_per_channel(x, writer.tensor([0.1, 0.2, 0.3]), writer.tensor([0, 1, 2]), 0, writer.qint8)
        made = {"q": writer.quantize_per_tensor(x, 0.05, 7, writer.quint8), "c": by_channel}
        made |= {"view": made["q"].t()[1:], "dtype": writer.qint8, "scheme": writer.per_tensor_affine}
        for options in ({}, {"weights_only": False}):
            got = through(writer, reader, made, options)
            assert {name: repr(each) for name, each in got.items()} == {name: repr(each) for name, each in made.items()}
            assert got["dtype"] is reader.qint8
            assert got["scheme"] is reader.per_tensor_affine

    check(torch, pedigrad)
    check(pedigrad, torch)
    check(pedigrad, pedigrad)


def test_unread_names_say_so():
    file = io.BytesIO()
    torch.save(torch.nested.nested_tensor([torch.eye(2)]), file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="_rebuild_nested_tensor"):
        pedigrad.load(file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="pedigrad has not"):
        pedigrad.load(file, weights_only=False)


def test_records_are_named_and_laid_as_pytorchs(tmp_path):
    for library in (torch, pedigrad):
        library.save({"a": library.ones(3), "b": [library.zeros(2, dtype=library.int8)] * 2}, tmp_path / f"{library.__name__}.pt")
    with zipfile.ZipFile(tmp_path / "torch.pt") as theirs, zipfile.ZipFile(tmp_path / "pedigrad.pt") as ours:
        assert ours.testzip() is None
        names = [each.filename.partition("/")[2] for each in theirs.infolist()]
        assert names == [each.filename.partition("/")[2] for each in ours.infolist()]
        for name in names:
            if "serialization_id" not in name:
                assert theirs.read("torch/" + name) == ours.read("pedigrad/" + name), name


def test_large_archives(tmp_path, monkeypatch):
    monkeypatch.setattr("pedigrad.serialization.archive._LARGE", 1000)
    pedigrad.save([pedigrad.arange(500.0), pedigrad.ones(3)], tmp_path / "a.pt")
    got = torch.load(tmp_path / "a.pt")
    assert got[0].sum() == 124750 and got[1].tolist() == [1, 1, 1]


@LIBRARIES
def test_mapped_files(writer, reader, tmp_path):
    path = tmp_path / "a.pt"
    writer.save([writer.arange(6.0), writer.zeros(0), writer.ones(2, dtype=writer.bfloat16)], path)
    before = path.read_bytes()
    got = reader.load(path, mmap=True)
    got[0][0] = 100
    assert got[0].tolist() == [100, 1, 2, 3, 4, 5] and got[2].tolist() == [1, 1] and path.read_bytes() == before


@LIBRARIES
def test_places(writer, reader, tmp_path):
    file = io.BytesIO()
    writer.save(writer.ones(2), file)
    seen = []
    for place in (None, "cpu", reader.device("cpu"), {"cpu": "cpu"}, lambda s, tag: seen.append((tag, s.nbytes())), lambda s, tag: s):
        file.seek(0)
        assert reader.load(file, map_location=place).tolist() == [1, 1]
    assert seen == [("cpu", 8)]


@LIBRARIES
def test_tensors_go_to_meta_when_they_are_loaded(writer, reader, tmp_path):
    base = writer.arange(6.0)
    writer.save({"a": base[1:].requires_grad_(), "b": base, "p": writer.nn.Parameter(base[:2]), "empty": writer.ones(0)}, tmp_path / "f")
    for options in ({}, {"mmap": True}):
        got = reader.load(tmp_path / "f", map_location="meta", **options)
        assert all(t.device.type == "meta" and t.data_ptr() == 4 * t.storage_offset() for t in got.values())
        assert [tuple(t.shape) for t in got.values()] == [(5,), (6,), (2,), (0,)] and got["a"].requires_grad
        assert got["a"].storage_offset() == 1 and got["a"].untyped_storage().nbytes() == 24
        assert got["a"].untyped_storage().device.type == "meta" and got["a"].untyped_storage().data_ptr() == 0
        assert "device=meta" in repr(got["a"].untyped_storage())
    assert reader.load(tmp_path / "f", map_location={"cpu": "meta"})["b"].device.type == "meta"


@LIBRARIES
def test_tensors_on_meta_stay_there(writer, reader):
    tensors = {"t": writer.empty(2, 3, device="meta").t(), "p": writer.nn.Parameter(writer.empty(2, device="meta", dtype=writer.float16))}
    for copied in (through(writer, reader, tensors), pickle.loads(pickle.dumps(tensors)), copy.deepcopy(tensors)):
        assert all(t.device.type == "meta" for t in copied.values())
        assert copied["t"].stride() == (1, 3) and str(copied["p"].dtype) == "torch.float16" and copied["p"].requires_grad


@pytest.mark.parametrize("dtype", [d for d in DTYPES])
@pytest.mark.parametrize("giver,taker", [(pedigrad, torch), (torch, pedigrad)], ids=["out", "in"])
def test_dlpack(giver, taker, dtype):
    for shape in [(), (0, 2), (3, 4)]:
        for t in (made(giver, dtype, shape), made(giver, dtype, shape)[..., :1] if shape else made(giver, dtype, ())):
            got = taker.from_dlpack(t)
            assert str(got.dtype) == str(t.dtype) and got.tolist() == t.tolist() and tuple(got.shape) == tuple(t.shape)
            assert not got.numel() or got.data_ptr() == t.data_ptr()
