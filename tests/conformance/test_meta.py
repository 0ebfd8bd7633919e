"""Operations on `meta` give the shapes, dtypes and strides that they give on the CPU."""

import warnings

import pytest

torch = pytest.importorskip("torch")

import opinfo_list  # noqa: E402
from agreement import samples_of, tensors_in  # noqa: E402
from bridge import Missing, Untranslatable, _mapped, ours, resolve  # noqa: E402

import pedigrad  # noqa: E402

SAMPLES = 2
BY_VALUES = "shapes or results follow from the elements"
REFUSED = "asks for elements: to check them, to choose a way, or for what is factored already"
EXCEPTIONS = dict.fromkeys(
    """argwhere bincount nonzero nonzero_static masked_select unique unique_consecutive item equal allclose repeat_interleave
    tensor_split nn.functional.ctc_loss nn.functional.one_hot linalg.lstsq linalg.lstsq.grad_oriented""".split(),
    BY_VALUES,
)
EXCEPTIONS |= dict.fromkeys(
    """linalg.solve_ex linalg.cholesky_ex linalg.inv_ex lu_solve lu_unpack linalg.lu linalg.lu_solve linalg.matrix_rank
    linalg.matrix_rank.hermitian multinomial nanquantile quantile narrow nn.functional.fractional_max_pool2d
    nn.functional.fractional_max_pool3d nn.functional.gaussian_nll_loss nn.functional.multi_margin_loss
    as_strided.partial_views cov histogramdd""".split(),
    REFUSED,
)
EXCEPTIONS |= {"to": "samples ask for the CPU", "median": "a stride of one element", "nanmedian": "as median"}


def moved(value):
    def change(x):
        return x.detach().to("meta") if isinstance(x, pedigrad.Tensor) else _mapped(x, change)

    return change(value)


@pytest.mark.parametrize("name", [n for n in opinfo_list.supported() if n not in EXCEPTIONS])
def test_an_operation_on_meta(name):
    entry = opinfo_list.entries()[name]
    dtype = next((d for d in ("float32", "int64") if getattr(torch, d) in entry.supported_dtypes("cpu")), None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function = resolve(entry)
        except Missing:
            return
        for sample in list(samples_of(entry, dtype, SAMPLES, False))[:SAMPLES] if dtype else ():
            value = (sample.input, tuple(sample.args), {k: v for k, v in sample.kwargs.items() if k != "device"})
            try:
                mine = ours(value)
            except (Untranslatable, Missing):
                continue
            if not tensors_in(mine, pedigrad.Tensor):
                continue
            first, args, kwargs = mine
            real = tensors_in(function(first, *args, **kwargs), pedigrad.Tensor)
            first, args, kwargs = moved(mine)
            got = tensors_in(function(first, *args, **kwargs), pedigrad.Tensor)
            assert [(t.shape, t.dtype, t.stride()) for t in got] == [(t.shape, t.dtype, t.stride()) for t in real]
            assert all(t.is_meta for t in got)


@pytest.mark.parametrize("library", [pedigrad, torch], ids=["pedigrad", "torch"])
def test_tensors_on_meta_do_not_meet_such_with_memory_and_have_no_elements(library):
    x, y = library.empty(2, 3, device="meta"), library.ones(2, 3)
    refused = [
        lambda: x + y,
        lambda: y * x,
        lambda: library.cat([x, y]),
        lambda: library.nn.Linear(3, 2)(x),
        lambda: x.sum().item(),
        lambda: bool(x.sum()),
        lambda: float(x.sum()),
    ]
    for each in refused:
        with pytest.raises(RuntimeError, match="meta"):
            each()
    for each in (x.nonzero, x.tolist, x.cpu, lambda: library.masked_select(x, x > 0), lambda: x[x > 0], lambda: y.copy_(x)):
        with pytest.raises(NotImplementedError):
            each()
    with pytest.raises(TypeError, match="can't convert meta device type tensor to numpy"):
        x.numpy()
    assert (x + library.tensor(1.0)).is_meta and (x * 2).is_meta and x[library.tensor([0])].is_meta and x.copy_(y).is_meta
    assert f"{x.sum()}" == "tensor(..., device='meta', size=())"
