"""From LLVM IR text to native functions: the only file that knows llvmlite.

A native function takes pointers and 64-bit integers and returns nothing; Python calls it through ctypes, which gives up the
interpreter's lock while it runs.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

from ...core.locks import undivided
from ..runtime import cache

_engines: list[Any] = []  # compiled modules live as long as the process


@functools.cache
def binding() -> Any:
    """llvmlite's binding with the host's target set up; ImportError where llvmlite is not installed."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def host() -> tuple[str, str]:
    """The name and the features of this machine's processor, as LLVM calls them."""
    llvm = binding()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@functools.cache
def vector_bits() -> int:
    """The width of the processor's vector registers in bits."""
    features = host()[1]
    return 512 if "+avx512f" in features else 256 if "+avx2" in features else 128


def has_feature(name: str) -> bool:
    """Whether the processor has a feature, by LLVM's name for it."""
    return f"+{name}" in host()[1].split(",")


@functools.cache
def may_use_tiles() -> bool:
    """Whether the system lets this process use the registers that hold squares; Linux wants to be asked."""
    if not sys.platform.startswith("linux") or "x86_64" not in binding().get_default_triple():
        return False
    try:
        return ctypes.CDLL(None).syscall(158, 0x1023, 18) == 0  # arch_prctl, ARCH_REQ_XCOMP_PERM, the state of the tiles
    except (OSError, AttributeError):
        return False


@functools.cache
def can_stream() -> bool:
    """Whether vectors can be written to memory past the caches."""
    return vector_bits() > 128 and "x86_64" in binding().get_default_triple()


def _machine(level: int) -> Any:
    llvm = binding()
    cpu, features = host()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=level, reloc="default", codemodel="jitdefault", jit=True)


def _module(text: str, machine: Any, optimise: bool) -> Any:
    llvm = binding()
    module = llvm.parse_assembly(text)
    module.verify()
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    if optimise:
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = options.loop_interleaving = True
        options.slp_vectorization = options.loop_unrolling = False  # a third of the time, for nothing
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
    return module


def compile_object(text: str, optimise: bool = True) -> bytes:
    """The object file of an IR module, optimised for this machine."""
    machine = _machine(3)
    return machine.emit_object(_module(text, machine, optimise))


def optimised(text: str) -> str:
    """The IR of a module after optimisation for this machine."""
    return str(_module(text, _machine(3), True))


def load(text: str, names: list[str], optimise: bool = True) -> dict[str, int]:
    """The addresses of the functions `names` of an IR module, compiled now or taken from the cache on disk."""
    with undivided:  # LLVM is used by one thread at a time, and never while the process forks
        return _load(text, names, optimise)


def _load(text: str, names: list[str], optimise: bool) -> dict[str, int]:
    llvm = binding()
    code = cache.fetch(key_of(text, optimise), lambda: compile_object(text, optimise))
    machine = _machine(3)
    empty = llvm.parse_assembly("")
    empty.triple = machine.triple
    engine = llvm.create_mcjit_compiler(empty, machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return {name: engine.get_function_address(name) for name in names}


def key_of(text: str, optimise: bool) -> str:
    """What decides the machine code: the IR, the versions of llvmlite and LLVM, the processor."""
    import llvmlite

    versions = llvmlite.__version__, ".".join(map(str, binding().llvm_version_info))
    return "\n".join((*versions, *host(), str(optimise), text))


def function(address: int, pointers: int, integers: int) -> Any:
    """A callable on `pointers` addresses followed by `integers` 64-bit numbers."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * pointers, *[ctypes.c_int64] * integers)(address)
