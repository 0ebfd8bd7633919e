#!/usr/bin/env python
"""Write the table of PyTorch's public names that are not there into docs/differences.md: python scripts/missing.py [--check]."""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
import types
from typing import Any

import pedigrad
from pedigrad.core import absent

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "differences.md"
BEGIN, END = "<!-- missing -->", "<!-- /missing -->"
MODULES = ["", "nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler", "autograd", "linalg", "special", "Tensor"]
INTERNAL = re.compile(
    r"(.*\.)?(TYPE_CHECKING|\w*has_torch_function\w*|handle_torch_function|is_tensor_like|BroadcastingList\d|\w+_notes|common_args|common_types"
    r"|multi_dim_common|USE_\w+|PRIVATE_OPS|classproperty|windows|thread_safe_generator|cpp|\w*DispatchKey\w*|DisableTorchFunction\w*|AVG|SUM"
    r"|BenchmarkExecutionStats|CompleteArgumentSpec|StaticModule|TracingState|JITException|bit|get_file_path|prepare_multiprocessing\w*|monitor"
    r"|assert_int_or_pair|boolean_dispatch|GRID_SAMPLE\w+|EPOCH_\w+|factory_kwargs|functional|batch_norm_(backward|elemt|gather|stats|update)\w*"
    r"|native_(batch|layer|group)_norm|native_norm|native_dropout|\w*fake_quant|fused_\w+|norm_except_dim|SavedTensor|Profiler\w+|NestedIOFunction"
    r"|DeviceType|kineto\w*|profiler\w*|anomaly_mode|grad_mode|modules|fusion|memory_format|convert_parameters|affine_grid_generator|compiled_with\w+"
    r"|has_(lapack|mkl|openmp|spectral)|(nn\.init|special|optim\.lr_scheduler|nn\.functional)\.(Tensor|Optimizer|inf)|nn\.utils\.init|slice_inverse"
    r"|segment_reduce|\w+_copy|is_maia|const_data_ptr|record_stream|rnn_(relu|tanh)|gru|lstm|spmm|conv_tbc|legacy_contiguous_format|quasirandom"
    r"|(binary_cross_entropy_with_logits|cosine_embedding_loss|hinge_embedding_loss|kl_div|margin_ranking_loss|poisson_nll_loss"
    r"|triplet_margin_loss|embedding_bag)|\w+_with_indices|pdist_\w+|embedding_renorm_|name|grad_dtype|index|reinforce|(.*\.)?torch|builtins|nn\.functional\.(DType|grad))"
)
OLD = re.compile(
    r"(Tensor\.)?(eig|lstsq|matrix_rank|solve|symeig|volatile|resize|resize_as)|nn\.Container|nn\.intrinsic|nn\.utils\.(clip_grad_norm|stateless)"
)


def found(library: Any, path: str) -> Any:
    for part in path.split(".") if path else []:
        library = getattr(library, part)
    return library


def missing() -> dict[str, tuple[str, list[str]]]:
    """Title of a family -> what to do meanwhile, and its names."""
    import torch

    families: dict[str, tuple[str, list[str]]] = {title: (instead, []) for _, title, instead in absent.FAMILIES}
    families["not written yet"] = ("", [])
    families["superseded"] = ("PyTorch itself has replaced these", [])
    families["internals"] = ("what PyTorch's modules use themselves, and operators that its public functions call", [])
    for module in MODULES:
        theirs, ours = found(torch, module), found(pedigrad, module)
        for name in sorted(dir(theirs)):
            if name.startswith("_") or hasattr(ours, name) or is_foreign(getattr(theirs, name)):
                continue
            path = f"{module}.{name}".lstrip(".")
            family = absent.family_of(f"torch.{path}")
            other = "superseded" if OLD.fullmatch(path) else "internals" if INTERNAL.fullmatch(path) else "not written yet"
            families[family[0] if family else other][1].append(path)
    return {title: (instead, names) for title, (instead, names) in families.items() if names}


def is_foreign(value: Any) -> bool:
    """Whether it is Python's or another library's, imported there."""
    module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None) or "torch"
    return str(module).split(".")[0] not in ("torch", "builtins")


def table() -> str:
    rows = [f"| {title} | {instead} | {' '.join(f'`{n}`' for n in names)} |" for title, (instead, names) in missing().items()]
    return "\n".join(["| family | meanwhile | names |", "| --- | --- | --- |", *rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the table is not current")
    check = parser.parse_args().check
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    present, _, after = rest.partition(END)
    wanted = f"\n{table()}\n"
    if present != wanted and not check:
        PAGE.write_text(before + BEGIN + wanted + END + after, encoding="utf-8")
    if present != wanted and check:
        names = [set(re.findall(r"`([\w.]+)`", each)) for each in (present, wanted)]
        print("not listed:", sorted(names[1] - names[0]), "\nlisted, but there:", sorted(names[0] - names[1]))
    return int(check and present != wanted)


if __name__ == "__main__":
    sys.exit(main())
