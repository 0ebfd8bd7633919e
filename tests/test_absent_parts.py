"""Parts of PyTorch that are not there: harmless questions have answers, the rest is refused and says what to do."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import pedigrad as torch
from pedigrad.core.refused import REFUSED, why_refused

PARTS = (
    "_C",
    "_dynamo",
    "_functorch",
    "_inductor",
    "_subclasses",
    "accelerator",
    "backends",
    "cpu",
    "cuda",
    "distributed",
    "export",
    "fx",
    "jit",
    "onnx",
    "sparse",
    "xpu",
)
MODULES = [each.name for part in PARTS for each in pkgutil.walk_packages(getattr(torch, part).__path__, f"pedigrad.{part}.")]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_found_under_both_names(name):
    module = importlib.import_module(name)
    found = torch
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    assert found is module or callable(found)  # a function may have its module's name, as in PyTorch


@pytest.mark.parametrize("name", MODULES)
def test_what_refuses_says_what_to_do(name):
    for made in vars(importlib.import_module(name)).values():
        message = why_refused(made)
        if message is None:
            continue
        assert message.startswith("torch.") and len(message.split()) > 4
        with pytest.raises((RuntimeError, ValueError, AssertionError, TypeError)) as raised:
            made(1, key=2)
        assert str(raised.value) == message


def test_imports_load_nothing_heavy():
    code = "import sys, pedigrad as torch; torch.cuda.is_available(); torch.backends.cudnn; torch.distributed.is_available(); torch.jit;"
    heavy = "print(*({'scipy', 'llvmlite', 'ml_dtypes'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code + heavy], capture_output=True, text=True, check=True).stdout == "\n"


class TestDevices:
    @pytest.mark.parametrize("name", ["cuda", "xpu", "mtia", "mps"])
    def test_questions(self, name):
        place = getattr(torch, name)
        assert place.is_available() is False and place.device_count() == 0
        place.manual_seed(1)
        place.empty_cache()
        place.synchronize()

    def test_memory_is_not_taken(self):
        assert torch.cuda.memory_allocated() == torch.cuda.max_memory_reserved("cuda") == 0
        assert torch.cuda.memory.memory_stats() == {} and torch.cuda.random.get_rng_state_all() == []
        torch.cuda.reset_peak_memory_stats()

    @pytest.mark.parametrize("name", ["current_device", "get_device_name", "mem_get_info", "current_stream", "get_rng_state"])
    def test_what_needs_a_device(self, name):
        with pytest.raises(AssertionError, match=r"not compiled with CUDA.*is_available"):
            getattr(torch.cuda, name)()

    def test_contexts(self):
        with torch.cuda.device(None), torch.cuda.stream(None), torch.cuda.device_of(torch.ones(1)), torch.cuda.nvtx.range("step"):
            pass
        with pytest.raises(AssertionError), torch.cuda.device(0):
            pass
        with pytest.raises(AssertionError):
            torch.cuda.set_device("cuda:1")
        with torch.accelerator.device_index(None):
            pass
        with torch.cpu.stream(torch.cpu.current_stream()):
            assert torch.cpu.current_device() == "cpu"

    def test_types(self):
        assert not isinstance(torch.ones(1), torch.cuda.FloatTensor)
        assert torch.cuda.OutOfMemoryError is torch.OutOfMemoryError and issubclass(torch.OutOfMemoryError, RuntimeError)
        with pytest.raises(TypeError, match="not compiled with CUDA"):
            torch.cuda.FloatTensor(2)

    def test_compiled_functions_may_ask(self):
        @torch.compile
        def f(x):
            return x * 2 if torch.cuda.is_available() or torch.distributed.is_initialized() or torch.jit.is_scripting() else x + 1

        for _ in range(4):
            assert f(torch.ones(3)).tolist() == [2, 2, 2]
        assert "compiled" in str(f.explain())

    def test_the_module_of_a_device(self):
        assert torch.get_device_module() is torch.cpu and torch.get_device_module("cuda") is torch.cuda
        with pytest.raises(RuntimeError, match=r"torch\.meta"):
            torch.get_device_module("meta")


class TestBackends:
    def test_switches_are_kept(self):
        cudnn = torch.backends.cudnn
        with cudnn.flags(enabled=False, benchmark=True):
            assert not cudnn.enabled and cudnn.benchmark
        assert cudnn.enabled and not cudnn.benchmark
        with pytest.raises(TypeError, match="banchmark"):
            cudnn.set_flags(banchmark=True)

    def test_attention(self):
        with torch.backends.cuda.sdp_kernel(enable_flash=False):
            assert not torch.backends.cuda.flash_sdp_enabled()
        assert torch.backends.cuda.flash_sdp_enabled()

    def test_the_processor(self):
        assert torch.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
        assert isinstance(torch.cpu.get_capabilities(), object) and "numpy" in torch.__config__.show()


class TestPrograms:
    def test_script_gives_back_what_it_got(self):
        @torch.jit.script
        def f(x: torch.Tensor, n: int = 2):
            return x * n

        class Net(torch.nn.Module):
            @torch.jit.export
            def double(self, x):
                return f(x)

            @torch.jit.ignore(drop=True)
            def left_out(self, x):
                return x

        net = torch.jit.script(Net())
        assert net.double(torch.ones(1)).item() == net.left_out(2) == 2 and not isinstance(net, torch.jit.ScriptModule)
        assert torch.jit.annotate(list[int], []) == [] and torch.jit.wait(torch.jit.fork(f, 3)) == 6

    def test_isinstance(self):
        ask = torch.jit.isinstance
        assert ask([1, 2], list[int]) and not ask([1, "a"], list[int]) and ask({"a": [1]}, dict[str, list[int]])
        assert ask((1, "a"), tuple[int, str]) and not ask((1,), tuple[int, str]) and ask(None, int | None) and ask(3, (str, int))
        with pytest.raises(RuntimeError, match="contained type"):
            ask([1], list)

    def test_files_and_graphs_are_refused(self):
        for refused in (torch.jit.save, torch.jit.load, torch.jit.trace, torch.onnx.export, torch.export.export):
            with pytest.raises(RuntimeError, match=r"there (is|are) no|not exported"):
                refused(None)
        with pytest.raises(RuntimeError, match="beneath functions"):
            torch.fx.experimental.proxy_tensor.ProxyTorchDispatchMode()

    def test_settings_of_compilers(self):
        config = torch._dynamo.config
        config.something_new = 3
        with config.patch(something_new=4, other=1), config.patch("verbose", True):
            assert (config.something_new, config.other, config.verbose) == (4, 1, True)
        assert config.something_new == 3 and not hasattr(config, "other") and config.verbose is False
        del config.something_new
        assert torch._inductor.config.triton.cudagraphs is False and torch._dynamo.is_compiling() is False


class TestDistributed:
    def test_there_is_no_group(self):
        dist = torch.distributed
        assert not dist.is_available() and not dist.is_initialized() and dist.group.WORLD is None
        for ask in (dist.get_rank, dist.get_world_size, dist.barrier):
            with pytest.raises(ValueError, match="has not been initialized"):
                ask()
        with pytest.raises(RuntimeError, match="one process"):
            dist.init_process_group("gloo")

    def test_classes_can_be_bases_and_asked_for(self):
        from pedigrad.distributed.fsdp import FullyShardedDataParallel as FSDP

        class Mine(FSDP):
            pass

        assert not isinstance(torch.nn.Linear(1, 1), FSDP) and hasattr(FSDP, REFUSED)
        with pytest.raises(RuntimeError, match="FullyShardedDataParallel"):
            Mine(torch.nn.Linear(1, 1))


def test_names_that_are_missing_are_named():
    with pytest.raises(AttributeError, match=r"no torch\.cuda\.is_availabel; the nearest it has is torch\.cuda\.is_available"):
        torch.cuda.is_availabel()
    with pytest.raises(ImportError):
        importlib.import_module("pedigrad._six")


def test_the_process():
    try:
        torch.use_deterministic_algorithms(True)
        assert torch.are_deterministic_algorithms_enabled() and torch.get_deterministic_debug_mode() == 2
        torch.set_deterministic_debug_mode("warn")
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        with pytest.raises(RuntimeError, match="debug_mode"):
            torch.set_deterministic_debug_mode("loud")
        with pytest.warns(UserWarning, match="highest"):
            torch.set_float32_matmul_precision("low")
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_default_device():
    try:
        torch.set_default_device("meta")
        assert torch.ones(2).device.type == torch.get_default_device().type == "meta"
        with torch.device("cpu"):
            assert torch.ones(2).device.type == "cpu"
            torch.set_default_device("cpu")
        assert torch.ones(2).device.type == "cpu"
        with pytest.raises(RuntimeError, match="is_available"):
            torch.set_default_device("cuda")
    finally:
        torch.set_default_device(None)
    assert torch.get_default_device() == torch.device("cpu")


def test_the_default_type():
    try:
        torch.set_default_tensor_type("torch.DoubleTensor")
        assert torch.ones(1).dtype is torch.float64
        with pytest.raises(TypeError):
            torch.set_default_tensor_type(torch.LongTensor)
    finally:
        torch.set_default_tensor_type(torch.FloatTensor)


def test_future_results():
    future = torch.futures.Future()
    later = future.then(lambda done: 1 / done.value())
    seen = []
    future.add_done_callback(seen.append)
    with pytest.raises(RuntimeError, match="no result yet"):
        future.value()
    future.set_result(0)
    assert seen == [future] and future.done() and torch.futures.wait_all([future]) == [0]
    with pytest.raises(ZeroDivisionError):
        later.wait()
    with pytest.raises(RuntimeError, match="once"):
        future.set_result(1)


def test_flat_tensors():
    from pedigrad._utils import ExceptionWrapper, _flatten_dense_tensors, _take_tensors, _unflatten_dense_tensors

    parts = [torch.ones(2, 3), torch.zeros(4)]
    flat = _flatten_dense_tensors(parts)
    assert flat.shape == (10,) and all(torch.equal(a, b) for a, b in zip(parts, _unflatten_dense_tensors(flat, parts), strict=True))
    assert [len(group) for group in _take_tensors([*parts, torch.ones(1, dtype=torch.int64)], 30)] == [1, 1, 1]
    try:
        {}["missing"]
    except KeyError:
        wrapped = ExceptionWrapper(where="in a worker")
    with pytest.raises(KeyError, match="in a worker"):
        wrapped.reraise()
