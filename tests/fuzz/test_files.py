"""Files that nobody vouches for: each gives its object or a clear error, runs nothing, and takes about as much memory as it has bytes."""

import collections
import io
import os
import pickle
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.serialization import safetensors

CLEAR = (RuntimeError, pickle.UnpicklingError, EOFError)
ROUNDS = int(os.environ.get("PEDIGRAD_FUZZ_FILES", "400"))
RAN = []


def saved(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return file.getvalue()


def sample():
    base = torch.arange(12.0).reshape(3, 4)
    table = collections.OrderedDict(weight=base, view=base.t()[1:], bias=torch.nn.Parameter(torch.ones(2)))
    table._metadata = {"": {"version": 1}}
    return {"model": table, "numbers": [1, 2.5, None, "x", 1 << 70, (1, 2), {3}], "more": [torch.ones(2, dtype=torch.uint16), base.shape]}


def attempt(data, load=torch.load, spare=400_000):
    """Load it, within the memory allowed; what came out, or the error."""
    tracemalloc.start()
    try:
        found = load(io.BytesIO(data))
    except CLEAR as error:
        assert str(error)
        found = error
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2.5 * len(data) + spare, f"{peak} bytes of memory for a file of {len(data)}"
    assert not RAN
    return found


def archive(data, records=(), **options):
    """An archive with this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as out:
        out.writestr("a/data.pkl", data)
        out.writestr("a/version", "3\n")
        for name, content in records:
            out.writestr(name, content)
    return file.getvalue()


def ran(*args):
    RAN.append(args)


class Evil:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


# Damage


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_cut_off_anywhere(legacy):
    data = saved([torch.arange(5), "text"], _use_new_zipfile_serialization=not legacy)
    for size in range(len(data)):
        with pytest.raises(CLEAR):
            torch.load(io.BytesIO(data[:size]))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes(legacy, seed):
    rng = random.Random(seed)
    data = saved(sample(), _use_new_zipfile_serialization=not legacy)
    for _ in range(ROUNDS // 8):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 8])):
            place = rng.randrange(len(damaged))
            damaged[place] = damaged[place] ^ (1 << rng.randrange(8)) if rng.random() < 0.5 else rng.randrange(256)
        attempt(bytes(damaged))


@pytest.mark.parametrize("seed", range(4))
def test_changed_pickles_in_whole_archives(seed):
    rng = random.Random(seed)
    with zipfile.ZipFile(io.BytesIO(saved(sample()))) as whole:
        records = [(f"a/{name}", whole.read(f"archive/{name}")) for name in ("byteorder", *(f"data/{i}" for i in range(3)))]
        plain = whole.read("archive/data.pkl")
    operations = b"(.0123NKMGJXcRbQ}]ust)tqh\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8f\x90\x91\x93\x94\x95"
    for _ in range(ROUNDS // 2):
        damaged = bytearray(plain)
        for _ in range(rng.choice([1, 1, 2, 4])):
            place, what = rng.randrange(len(damaged)), rng.random()
            if what < 0.5:
                damaged[place] = rng.choice(operations)
            elif what < 0.8:
                damaged[place] = rng.randrange(256)
            elif what < 0.9:
                del damaged[place : place + rng.randrange(1, 5)]
            else:
                damaged[place:place] = bytes(rng.choice(operations) for _ in range(3))
        attempt(archive(bytes(damaged), records))


# Attacks


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_code_is_not_run(protocol, legacy):
    functions = [
        (os.system, "true"),
        (ran, 1),
        (eval, "ran()"),
        (getattr, "x", "upper"),
        (exec, "1"),
        (type, "X", (), {}),
        (bytearray, 1 << 40),
    ]
    for evil in [Evil(*each) for each in functions]:
        file = io.BytesIO()
        if legacy:
            for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, evil, []):
                pickle.dump(each, file, protocol)
            data = file.getvalue()
        else:
            data = archive(pickle.dumps({"w": evil}, protocol))
        assert isinstance(attempt(data), pickle.UnpicklingError)


def test_classes_are_not_written_to():
    ordered = b"ccollections\nOrderedDict\n"
    tensor = b"ctorch\nTensor\n"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    attributes = b"}X\x05\x00\x00\x00shapeK\x01s"
    for target in (ordered, tensor, rebuild, b"ctorch\nfloat32\n", b"]", b"}"):
        for state in (attributes, b"N" + attributes + b"\x86"):
            assert isinstance(attempt(archive(b"\x80\x02" + target + state + b"b.")), pickle.UnpicklingError)
    for call in (tensor + b"K\x05\x85R.", b"ctorch\nFloatStorage\n" + b"J\xff\xff\xff\x7f\x85R.", tensor + b")\x81."):
        assert isinstance(attempt(archive(b"\x80\x02" + call)), pickle.UnpicklingError)


def tensor_pickle(size=(2,), stride=(1,), offset=0, numel=4, key="0", kind=b"ctorch\nFloatStorage\n", grad=False):
    def plain(value):
        return pickle.dumps(value, 2)[2:-1]

    where = b"(" + plain("storage") + kind + plain(key) + plain("cpu") + plain(numel) + b"tQ"
    rest = plain(offset) + plain(size) + plain(stride) + plain(grad)
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + where + rest + b"ccollections\nOrderedDict\n)Rt" + b"R."


def test_tensors_that_are_not_there():
    records = [("a/data/0", bytes(16))]
    good = attempt(archive(tensor_pickle(), records))
    assert good.tolist() == [0, 0]
    lies = [
        {"size": (5,)}, {"size": (2,), "stride": (4,)}, {"offset": 3}, {"offset": -1}, {"size": (-1,)}, {"stride": (-1,)}, {"size": (2, 2)},
        {"numel": 5}, {"numel": 1 << 62}, {"numel": -4}, {"numel": 2.0}, {"numel": True}, {"key": "1"}, {"key": "../../etc/passwd"}, {"key": 0},
        {"size": (1 << 62, 1 << 62), "stride": (1, 1)}, {"size": (1 << 70,), "stride": (0,)}, {"size": (1,) * 80, "stride": (1,) * 80},
        {"size": [2.0]}, {"size": 2}, {"stride": None}, {"offset": "0"}, {"offset": 1 << 80}, {"kind": b"ctorch\nfloat32\n"},
        {"kind": b"ctorch\nDoubleStorage\n"}, {"kind": b"ctorch\nTensor\n"}, {"kind": b"ctorch\nLongStorage\n", "numel": 2, "grad": True},
    ]  # fmt: skip
    for lie in lies:
        assert isinstance(attempt(archive(tensor_pickle(**lie), records)), CLEAR), lie
    assert attempt(archive(tensor_pickle((1 << 40,), (0,)), records)).shape == (1 << 40,)  # expanded: takes no memory


def test_archives_that_lie():
    plain = tensor_pickle()
    zeros = [("a/data/0", bytes(1 << 24))]
    bomb = archive(tensor_pickle(numel=1 << 22), zeros, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 16 and isinstance(attempt(bomb), RuntimeError)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive(plain, [("a/data/0", bytes(16)), ("a/data/0", bytes(16))])
    assert isinstance(attempt(twice), RuntimeError)
    assert isinstance(attempt(archive(plain, [("a/data/0", bytes(16)), ("b/data.pkl", plain)])), RuntimeError)
    assert isinstance(attempt(archive(plain, [("../../a/data/0", bytes(16))])), RuntimeError)
    data = bytearray(archive(plain, [("a/data/0", bytes(16))]))
    place = data.rfind(b"PK\1\2")
    for size in (15, 17, 1 << 20, 0xFFFFFFFF):
        data[place + 20 : place + 28] = struct.pack("<2L", size, size)
        assert isinstance(attempt(bytes(data)), RuntimeError)


def test_overlapping_records():
    data = bytearray(archive(tensor_pickle(), [("a/data/0", bytes(16)), ("a/data/1", bytes(16))]))
    last = data.rfind(b"PK\1\2")
    before = data.rfind(b"PK\1\2", 0, last)
    data[last + 42 : last + 46] = data[before + 42 : before + 46]
    assert isinstance(attempt(bytes(data)), RuntimeError)


def test_pickles_that_take_long():
    nested = b"\x80\x02)" + b"q\x00h\x00\x86" * 100
    nested = nested[2:]  # one hundred tuples, which written out are 2 ** 100
    wheres = [
        b"}%sK\x01s.", b"%sQ.", b"ctorch\ndevice\n%s\x85R.", b"c__builtin__\nset\n]%sa\x85R.", b"ccollections\nCounter\n]%sa\x85R.",
        b"ccollections\nOrderedDict\n]%sK\x01\x86a\x85R.", b"ctorch.serialization\n_get_layout\n%s\x85R.", b"ctorch\nSize\n%s\x85R.",
        b"c_codecs\nencode\nX\x01\x00\x00\x00a%s\x86R.", b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch\nSize\n%s)}tR.",
        b"c__builtin__\nset\n]K\x01%s\x86a\x85R.", b"%s)R.", b"%s}b.", b"%sK\x01a.", b"\x8f(%s\x90.", b"(%s\x91.", b"c__builtin__\ncomplex\n%s\x85R.",
    ]  # fmt: skip
    for where in wheres:
        assert isinstance(attempt(archive(b"\x80\x02" + where.replace(b"%s", nested))), pickle.UnpicklingError), where
    calls = b"(h\x00ctorch\nTensor\n" * 3000 + b")" + b"}t" * 3000
    assert isinstance(
        attempt(archive(b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x00" + calls + b"R."), spare=2_000_000), pickle.UnpicklingError
    )
    assert isinstance(attempt(archive(b"\x80\x02K\x01r\xff\xff\xff\xff.")), int)  # an object with a high number
    for count in (b"\x8b\xff\xff\xff\x7f", b"X\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"\x8e" + b"\xff" * 8):
        assert isinstance(attempt(archive(b"\x80\x02" + count + b".")), pickle.UnpicklingError)
    deep = attempt(archive(b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b"."))
    assert isinstance(deep, list)


# safetensors


def test_safetensors_that_lie():
    data = safetensors.save({"a": torch.arange(4.0), "b": torch.ones(2, 2, dtype=torch.bfloat16)})
    assert attempt(data, lambda file: safetensors.load(file.getvalue()))["a"].tolist() == [0, 1, 2, 3]
    for size in range(len(data)):
        assert isinstance(attempt(data[:size], lambda file: safetensors.load(file.getvalue())), RuntimeError)
    rng = random.Random(0)
    for _ in range(ROUNDS):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] = rng.randrange(256)
        attempt(bytes(damaged), lambda file: safetensors.load(file.getvalue()))
    for header in (b"[]", b"{", b'{"a":1}', b"null", b"{" * 5000):
        assert isinstance(attempt(struct.pack("<Q", len(header)) + header, lambda file: safetensors.load(file.getvalue())), RuntimeError)


def test_numpy_is_not_needed_for_the_rest():
    with pytest.raises(pickle.UnpicklingError, match="add_safe_globals"):
        torch.load(io.BytesIO(saved(np.ones(2))))
