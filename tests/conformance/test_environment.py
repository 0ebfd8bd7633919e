"""What programs ask about versions, devices, switches and groups of processes: the answers and errors are PyTorch's on a CPU."""

import operator

import pytest
import torch

import pedigrad
from pedigrad.version import TorchVersion

VERSIONS = [
    "2.13.0",
    "2.13",
    "2.13.0+cpu",
    "2.13.0a1",
    "2.13.0rc1",
    "2.13.dev3",
    "2.13.0.post1",
    "2.9",
    "1.8",
    "3",
    "1!1",
    "2.13.0a0+git123",
]
OTHERS = [*VERSIONS, (2,), (2, 13), [1, 9], ("2", "13"), "parrot"]


def outcome(function):
    try:
        return function()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_versions_compare_alike(compare):
    for one in VERSIONS:
        for other in OTHERS:
            theirs = compare(torch.torch_version.TorchVersion(one), other)
            assert compare(TorchVersion(one), other) == theirs, (one, other)


ASKED = """
torch.cuda.is_available(), torch.cuda.device_count(), torch.cuda.is_initialized(), torch.cuda.is_bf16_supported()
torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated(), torch.cuda.memory_reserved(), torch.cuda.memory_stats()
torch.cuda.get_rng_state_all(), torch.cuda.get_arch_list(), torch.cuda.get_gencode_flags(), torch.cuda.default_generators
torch.cuda.manual_seed(1), torch.cuda.manual_seed_all(1), torch.cuda.empty_cache(), torch.cuda.set_device(-1)
torch.cuda.current_device()
torch.cuda.get_device_name()
torch.cuda.get_device_properties(0)
torch.cuda.get_device_capability()
torch.cuda.mem_get_info()
torch.cuda.current_stream()
torch.cuda.get_rng_state()
torch.cuda.cudart()
torch.cuda.FloatTensor(3)
torch.cuda.Stream()
torch.cuda.Event()
torch.cuda.CUDAGraph()
torch.cuda.OutOfMemoryError is torch.OutOfMemoryError, torch.cuda.has_half, torch.cuda.has_magma
isinstance(torch.ones(1), torch.cuda.FloatTensor)
torch.cuda.nccl.is_available([])
torch.xpu.is_available(), torch.xpu.device_count(), torch.xpu.is_bf16_supported(), torch.xpu.memory_allocated()
torch.xpu.current_device()
torch.mps.is_available(), torch.mps.device_count(), torch.mps.manual_seed(1)
torch.mtia.is_available(), torch.mtia.device_count(), torch.mtia.manual_seed_all(1)
torch.accelerator.is_available(), torch.accelerator.device_count(), torch.accelerator.current_accelerator()
torch.accelerator.current_device_index()
torch.accelerator.set_device_index(0)
torch.accelerator.synchronize()
torch.accelerator.memory_allocated()
torch.cpu.is_available(), torch.cpu.device_count(), torch.cpu.current_device(), torch.cpu.synchronize(), torch.cpu.is_initialized()
torch.backends.cpu.get_cpu_capability()
torch.backends.cudnn.version(), torch.backends.cudnn.is_available(), torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark
torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark_limit
torch.backends.cudnn.is_acceptable(torch.ones(1))
torch.backends.cuda.is_built(), torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled()
torch.backends.cuda.matmul.allow_tf32
torch.backends.mps.is_available(), torch.backends.mps.is_built()
torch.backends.mkldnn.enabled, torch.backends.mkldnn.deterministic, torch.backends.fp32_precision
torch.backends.cusparselt.is_available(), torch.backends.kleidiai.is_available(), torch.backends.mha.get_fastpath_enabled()
torch.jit.is_scripting(), torch.jit.is_tracing(), torch.jit.annotate(int, 3), torch.jit.wait(torch.jit.fork(lambda: 3))
torch.jit.isinstance([1], list)
torch.jit.isinstance([1], list[int]), torch.jit.isinstance({"a": 1}, dict[str, float])
torch.onnx.is_in_onnx_export(), torch.compiler.is_compiling(), torch._dynamo.is_compiling()
torch.onnx.TrainingMode.EVAL == 0, int(torch.onnx.TrainingMode.TRAINING), int(torch.onnx.OperatorExportTypes.ONNX_FALLTHROUGH)
torch.distributed.is_initialized(), torch.distributed.is_nccl_available(), torch.distributed.group.WORLD
torch.distributed.get_rank()
torch.distributed.get_world_size()
torch.distributed.get_backend()
torch.distributed.barrier()
torch.distributed.new_group()
torch.distributed.all_reduce(torch.ones(1))
torch.distributed.broadcast(torch.ones(1), 0)
torch.distributed.destroy_process_group()
torch.distributed.get_process_group_ranks(None)
torch.distributed.get_rank(torch.distributed.GroupMember.NON_GROUP_MEMBER)
torch.distributed.get_node_local_rank()
torch.distributed.get_node_local_rank(3)
torch.distributed.default_pg_timeout
[int(getattr(torch.distributed.ReduceOp, name)) for name in "SUM AVG PRODUCT MIN MAX BAND BOR BXOR".split()]
str(torch.distributed.ReduceOp.SUM), repr(torch.distributed.ReduceOp.AVG)
torch.distributed.Backend("NCCL"), torch.distributed.Backend.GLOO, torch.distributed.get_default_backend_for_device("cpu")
torch._C._get_tracing_state(), torch._C._get_privateuse1_backend_name(), torch._C._get_default_device(), torch.compiled_with_cxx11_abi()
torch._C._get_accelerator().type
torch._utils._get_device_index("cpu")
torch._utils._get_device_index("cpu", allow_cpu=True), torch._utils._get_device_index(torch.device("cuda:1"))
torch._utils._get_device_index("cuda")
torch.sparse.check_sparse_tensor_invariants.is_enabled()
torch.hub.get_dir(), torch.hub.HASH_REGEX.search("net-0a1b.pt").group(1)
torch.hub.load("here", "net", source="elsewhere")
torch.hub.load("/nowhere", "net", source="local")
torch.get_default_device().type, torch.get_device_module().__name__.split(".")[1], torch.get_device_module("cuda").__name__.split(".")[1]
torch.get_device_module("meta")
torch.get_deterministic_debug_mode(), torch.are_deterministic_algorithms_enabled(), torch.is_warn_always_enabled()
torch.set_deterministic_debug_mode("loud")
torch.set_deterministic_debug_mode(3)
torch.use_deterministic_algorithms(3)
torch.get_float32_matmul_precision(), torch.set_float32_matmul_precision("high"), torch.get_float32_matmul_precision()
torch.set_float32_matmul_precision(3)
torch.set_default_tensor_type("torch.IntTensor")
torch._check(False)
torch._check(3)
torch._check(False, "text")
torch._check_index(False, lambda: "text")
torch._check_value(False)
torch._check_type(False)
torch._check_not_implemented(False)
torch._check_is_size(-1)
torch._check_with(KeyError, False)
torch._check_tensor_all(torch.tensor([True, False]))
torch._check_tensor_all(torch.tensor([1]))
torch._check_tensor_all([True])
torch._assert(torch.tensor(False), "text")
torch._assert_async(torch.tensor(0))
torch.sym_int(3.7), torch.sym_float(3), torch.sym_max(1, 2.0), torch.sym_min(1, 2.0), torch.sym_not(True), torch.sym_sqrt(4)
torch.sym_int(-3.7), torch.sym_ite(True, 1, 2), torch.sym_sum([1, 2]), isinstance(3, (torch.SymInt, torch.SymFloat, torch.SymBool))
torch.futures.Future().value()
torch.futures.Future().set_exception("text")
torch.futures.collect_all([]).wait()
""".strip().splitlines()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", ASKED)
def test_answers(line):
    theirs, ours = (outcome(lambda library=library: eval(line, {"torch": library})) for library in (torch, pedigrad))
    torch.set_float32_matmul_precision("highest")
    pedigrad.set_float32_matmul_precision("highest")
    assert ours == theirs


def test_results_arrive_alike():
    def told(library):
        seen = []
        future = library.futures.Future()
        after = future.then(lambda done: seen.append(done.value()) or 5)
        future.add_done_callback(lambda done: seen.append(done.done()))
        future.set_result(3)
        failed = library.futures.Future()
        failed.set_exception(ValueError("text"))
        return seen, after.wait(), outcome(failed.wait), outcome(lambda: future.set_result(4)), outcome(failed.value)

    assert told(pedigrad) == told(torch)


def test_flat_tensors_alike():
    for library in (torch, pedigrad):
        parts = [library.arange(4.0).reshape(2, 2), library.ones(3)]
        flat = library._utils._flatten_dense_tensors(parts)
        assert flat.tolist() == [0, 1, 2, 3, 1, 1, 1]
        assert [each.shape for each in library._utils._unflatten_dense_tensors(flat, parts)] == [(2, 2), (3,)]
        assert [len(group) for group in library._utils._take_tensors(parts * 2, 30)] == [2, 2]
