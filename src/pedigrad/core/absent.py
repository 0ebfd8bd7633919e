"""What to say of names that are not there, and what a public module lists: one way for the package, its modules and `import torch.x`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

PACKAGE = (__package__ or "pedigrad").partition(".")[0]

# Families of names of PyTorch's that are not there: a pattern for the whole name, a title, and what to do meanwhile.
FAMILIES = (
    (r"torch\.\w*autocast_(ipu|xla)\w*", "mixed precision elsewhere", "there is no device but the CPU; torch.autocast(\"cpu\") is there"),
    (r".*(sparse|_coo|_cs[rc]|_bs[rc]|crow_ind|ccol_ind|col_ind|row_ind|coalesce|to_dense|to_mkldnn|smm|hspmm|saddmm|sspaddmm|SparseAdam"
     r"|Tensor\.(indices|values)$).*",
     "sparse tensors", "torch.sparse has what is done with them; layouts are torch.sparse_coo, sparse_csr and sparse_csc"),
    (r".*(quantiz|quint|qint|qscheme|qat|q_(per|scale|zero)|per_channel|per_tensor|int_repr|fbgemm|choose_qparams|\bao\b|quantized_).*",
     "quantized tensors", "tensors of 8 bits and quantized models are in torch.ao.quantization; the others are not there"),
    (r".*(nested|jagged).*", "nested tensors", "there are no nested tensors; pad them, or nn.utils.rnn.pack_padded_sequence"),
    (r"torch\.(Tensor\.)?(names|has_names|rename_?|refine_names|align_\w+)", "named dimensions", "dimensions have numbers and no names"),
    (r".*(cuda|cudnn|miopen|mkldnn|xpu|mps|mtia|ipu|hpu|xla|vulkan|hip|Stream|Event|privateuse|acc\b|DeviceObjType|get_device_module).*",
     "devices", "there is no device but the CPU"),
    (r"torch\.distributed(\..*)?.*", "several processes and machines", "one process computes; it uses all cores"),
    (r"torch\.(jit|fx|export|onnx|package|library|_dynamo|_inductor|classes|ops|Tensor\._?to_onnx)(\..*)?|torch\.\w*(Script|Graph|Jit|jit)\w*"
     r"|torch\.(ErrorReport|CompilationUnit|FatalError|Future\w*|LiteScriptModule|LoggerBase|LockingLogger|NoopLogger|ConcreteModuleType\w*"
     r"|DeepCopyMemoTable|Dict|AggregationType|AliasDb|Argument\w*|AwaitType|BenchmarkConfig|Block|BufferDict|Call|Capsule|ClassType|Code"
     r"|CallStack|EnumType|Execution\w*|FileCheck|FunctionSchema|Gradient|IODescriptor|InterfaceType|ModuleDict|Node|OperatorInfo"
     r"|ParameterDict|PyTorchFileReader|PyTorchFileWriter|SerializationStorageContext|DeserializationStorageContext|SymInt\w*|Use|Value"
     r"|Tag|\w*Type|parse_\w+|merge_type\w*|unify_type_list|import_ir_module\w*|fork|wait|freeze|init_num_threads|operators|read_vitals"
     r"|set_vital|vitals_enabled|candidate|torch_version|default_generator)",
     "scripts and graphs", "programs are not exported; torch.compile compiles what runs"),
    (r"torch\.(Sym\w+|sym_\w+|cond|while_loop|constrain_range|.*unbacked.*|.*guard_.*)", "symbolic shapes", "shapes are always numbers"),
    (r".*(float8|float4|complex32|chalf|bits\d|uint[1-7]$|int[1-7]$|ComplexHalf|scaled_mm|ScalingType|SwizzleType|grouped_mm).*",
     "narrow dtypes", "complex64, float16 and bfloat16 are the narrowest there are"),
    (r"torch\.(\w*Storage\w*|storage(\..*)?|Tensor\.(storage\w*|untyped_storage|is_shared|share_memory_|is_set_to|module_load))",
     "storages",
     "memory is an array of NumPy's: x.numpy()"),
)  # fmt: skip
_COMPILED = [(re.compile(pattern), title, instead) for pattern, title, instead in FAMILIES]


def family_of(path: str) -> tuple[str, str] | None:
    """The title of the family of missing names that `torch.a.b` belongs to, and what to do meanwhile."""
    return next(((title, instead) for pattern, title, instead in _COMPILED if pattern.fullmatch(path)), None)


def distance(one: str, other: str) -> int:
    """How many typing errors lie between two words: letters that are left out, put in, replaced or exchanged with the next.

    >>> distance("Linaer", "Linear"), distance("arrange", "arange"), distance("save", "ravel")
    (1, 1, 2)
    """
    before, last = [0] * (len(other) + 1), list(range(len(other) + 1))
    for i, a in enumerate(one):
        now = [i + 1]
        for j, b in enumerate(other):
            cost = min(last[j + 1] + 1, now[j] + 1, last[j] + (a != b))
            if i and j and a == other[j - 1] and one[i - 1] == b:
                cost = min(cost, before[j - 1] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]


def likely(name: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant: another by letters of the other case, or by one typing error, two in long names."""
    allowed = 0 if len(name) < 4 else 1 if len(name) < 9 else 2
    found = [
        (distance(name.lower(), each.lower()), each) for each in known if abs(len(each) - len(name)) <= allowed and not each.startswith("_")
    ]
    return min(found)[1] if found and min(found)[0] <= allowed else None


def message(path: str, known: Iterable[str]) -> str:
    """What is said of `torch.a.b`, which is not there; `known` are the names beside it."""
    outer, _, name = path.rpartition(".")
    near, family = likely(name, known), family_of(path)
    if family and not near:
        return f"pedigrad has no {path}: {family[1]}"
    more = f"the nearest it has is {outer}.{near}" if near else "docs/differences.md lists what is not there"
    return f"pedigrad has no {path}; {more}"


def public_path(module: str) -> str:
    """The name of a module of the package as users know it: `torch.nn` of `pedigrad.nn`."""
    return "torch" + module[len(PACKAGE) :]


def handlers(module: str) -> dict[str, Any]:
    """`__getattr__` and `__dir__` for a public module: an honest error, and the names in `__all__`."""

    def missing(name: str) -> Any:
        found = sys.modules[module]
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=found)
        raise AttributeError(message(f"{public_path(module)}.{name}", dir(found)), name=name, obj=found)

    def listed() -> list[str]:
        found = vars(sys.modules[module])
        special = [name for name in found if name.startswith("__")]
        return sorted({*found.get("__all__", ()), *special})

    return {"__getattr__": missing, "__dir__": listed}
