"""Which of PyTorch's public names pedigrad has: docs/coverage.md.

`--update` writes the page anew; without it, what differs from the page is told. Tables of how often programs use names may follow (tab
separated, with columns `name` and `uses`; a name without `torch.` is a method of tensors): what share of the uses is covered is put into
the page. Without tables, what it says of uses stays.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import importlib
import pathlib
import re
import sys
import textwrap
import types
import warnings
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

import torch  # noqa: E402

from pedigrad.doctor.names import look_up  # noqa: E402

PAGE = ROOT / "docs" / "coverage.md"
BEGIN, END = "<!-- uses:begin -->", "<!-- uses:end -->"
ARRAY_API = "<!-- array-api:begin -->", "<!-- array-api:end -->"  # what scripts/array_api_report.py writes
PLACES = """
torch Tensor nn nn.functional nn.init nn.attention nn.parallel nn.parameter nn.utils nn.utils.parametrizations nn.utils.parametrize
nn.utils.prune nn.utils.rnn nn.utils.stateless optim optim.lr_scheduler optim.swa_utils autograd autograd.forward_ad autograd.functional
autograd.graph autograd.profiler linalg special fft func distributions amp utils utils.benchmark utils.checkpoint utils.data utils.dlpack
utils.hooks utils.model_zoo utils.cpp_extension
""".split()
# What modules without a list of their names have imported for themselves.
BORROWED = set(
    """
    BroadcastingList1 BroadcastingList2 BroadcastingList3 DType annotations assert_int_or_pair boolean_dispatch classproperty
    get_file_path handle_torch_function has_torch_function has_torch_function_unary has_torch_function_variadic
    prepare_multiprocessing_environment deprecated PRIVATE_OPS USE_GLOBAL_DEPS USE_RTLD_GLOBAL_WITH_LIBTORCH TYPE_CHECKING
    profiler_allow_cudagraph_cupti_lazy_reinit_cuda12 exposed_in
    """.split()
)
# Why a name is not there: the first pattern that fits the whole name after `torch.`
REASONS = [
    (r".*(SparseSemi|semi_structured).*|sparse\.solve", "sparse tensors: by coordinates, and compressed along rows or columns"),
    (r".*sparse.*|.*smm|saddmm", "a step of PyTorch's kernels"),
    (r".*(quant|qint|quint|qscheme|QInt|QUInt|q_(per|scale|zero)|per_channel|per_tensor|int_repr|fbgemm|\bao\b|PRIVATE_OPS).*",
     "of quantized modules as PyTorch packs them"),
    (r".*(nested|jagged).*", "there are no nested tensors"),
    (r"(Tensor\.)?(names|has_names|rename_?|refine_names|align_(as|to|tensors))", "dimensions have no names"),
    (r".*(mkldnn|miopen|cudnn|vulkan|xpu|ipu|hpu|xla|mtia|privateuse|hip|metal|kleidiai|acc_).*|Tensor\.(mps|pin_memory|is_pinned)",
     "a device or library that is not here"),
    (r".*(float8.*|float4.*|complex32|chalf|ComplexHalf|ScalingType|SwizzleType|scaled_mm|grouped_mm|bits\d\w*|u?int[1-7])",
     "complex64, float16, bfloat16 and whole bytes are the narrowest"),
    (r"(cond|while_loop|unravel_sym|Sym\w+|sym_\w+|constrain_range|guard\w*)", "sizes are plain numbers"),
    (r"eig|symeig|lstsq|matrix_rank|solve|Tensor\.(eig|symeig|lstsq|solve)", "PyTorch has taken it out: calling it there is an error"),
    (r"batch_norm_(backward|elemt|gather|stats|update).*|native_\w+|embedding_renorm_|unsafe_\w+|\w+_(copy|inverse)",
     "a step of PyTorch's kernels"),
    (r"AVG|SUM|JITException|FatalError|DisableTorchFunction\w*|bit|cpp|classes|monitor|package|choose_\w+",
     "of PyTorch's C++ half and its scripts"),
    (r"masked", "a prototype of PyTorch's"),
    (r"autograd\.profiler\.(emit_nvtx|emit_itt|load_nvprof)", "for profilers of devices"),
]  # fmt: skip


def place(name: str) -> Any:
    """PyTorch's module, or Tensor."""
    if name == "Tensor":
        return torch.Tensor
    return torch if name == "torch" else importlib.import_module(f"torch.{name}")


def public(owner: Any) -> Iterator[str]:
    """The names of a module or class of PyTorch's that are for its users: those that it lists, or all that are its own."""
    listed = set(getattr(owner, "__all__", ()))
    for name in sorted({*dir(owner), *listed}):
        if name.startswith("_") or name in BORROWED:
            continue
        if name in listed or isinstance(owner, type):
            yield name
        elif owner is torch or not listed:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of names that are going away
                found = getattr(owner, name)
            if isinstance(found, types.ModuleType):
                if owner is torch and found.__name__ == f"torch.{name}":
                    yield name
            elif str(getattr(found, "__module__", None) or "torch").startswith("torch") and not isinstance(found, (str, dict)):
                yield name


def is_internal(name: str) -> bool:
    """Whether a name of `torch` is a class or function of the C++ half that its list takes along."""
    found = getattr(torch, name, None)
    kind = type(found).__name__
    return kind == "pybind11_type" or (kind == "builtin_function_or_method" and found is getattr(torch._C, name, 0))


def reason(path: str) -> str:
    """Why a name is not there."""
    for pattern, text in REASONS:
        if re.fullmatch(pattern, path):
            return text
    if "." not in path and is_internal(path):
        documented = torch._C._VariableFunctions
        if not hasattr(documented, path):
            return "of PyTorch's C++ half and its scripts"
    return "not written yet"


def names_of(name: str) -> tuple[list[str], dict[str, str]]:
    """The names of a place that are there, and those that are not with the reason."""
    there, absent = [], {}
    prefix = "" if name == "torch" else f"{name}."
    for each in public(place(name)):
        answer = look_up(f"torch.{prefix}{each}")
        if answer.kind == "there":
            there.append(each)
        else:
            absent[each] = f"refused: {answer.hint}" if answer.kind == "refused" else reason(prefix + each)
    return there, absent


def page(uses: str) -> str:
    """The text of docs/coverage.md."""
    found = {name: names_of(name) for name in PLACES}
    have = sum(len(there) for there, _ in found.values())
    total = have + sum(len(absent) for _, absent in found.values())
    version = torch.__version__.split("+")[0]
    lines = [
        "# Which names are there",
        "",
        f"Of PyTorch {version}'s {total} public names in these places pedigrad has {have} ({have / total:.0%}). A name that is there",
        "does what PyTorch's does, but for what [differences.md](differences.md) lists; one that is refused can be imported, and says",
        "what to do when it is used. `scripts/coverage_report.py --update` writes this page; `pedigrad doctor` tells of a program.",
        "",
        uses.strip(),
        "",
        "## The array API",
        "",
        kept(*ARRAY_API),
        "",
        "## Names",
        "",
        "| place | there | of |",
        "| --- | ---: | ---: |",
        *(f"| [{shown(name)}](#{anchor(name)}) | {len(there)} | {len(there) + len(absent)} |" for name, (there, absent) in found.items()),
    ]
    for name, (there, absent) in found.items():
        lines += ["", f"## {shown(name)}", ""]
        lines += ["Yes: " + "\n".join(textwrap.wrap(", ".join(there), 130, break_long_words=False)) + "."] if there else []
        if absent:
            lines += ["", "| no | why |", "| --- | --- |"] if there else ["| no | why |", "| --- | --- |"]
            lines += [f"| `{each}` | {why} |" for each, why in absent.items()]
    return "\n".join(lines) + "\n"


def shown(name: str) -> str:
    return name if name == "torch" else f"torch.{name}"


def anchor(name: str) -> str:
    return shown(name).lower().replace(".", "")


def uses_of(tables: list[str]) -> str:
    """What share of the uses that tables count is of names that are there."""
    lines = [BEGIN]
    for table in tables:
        with open(table, encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        counted = [(row["name"], int(row["uses"])) for row in rows]
        methods = not any(name.startswith("torch.") for name, _ in counted)
        absent = [(uses, name) for name, uses in counted if look_up(f"torch.Tensor.{name}" if methods else name).kind != "there"]
        total = sum(uses for _, uses in counted)
        share = 1 - sum(uses for uses, _ in absent) / total
        kind = "methods and attributes of tensors" if methods else "names of torch"
        most = ", ".join(f"`{name}` ({uses})" for uses, name in sorted(absent, reverse=True)[:30])
        text = (
            f"In a count of {len(counted)} {kind} that public programs use {total} times, {share:.1%} of the uses and"
            f" {len(counted) - len(absent)} of the names are there. Not there, by their uses: {most or 'none'}."
        )
        lines += [*textwrap.wrap(text, 130, break_long_words=False), ""]
    return "\n".join([*lines[:-1], END])


def kept(begin: str, end: str) -> str:
    """What the page says between two marks, and these."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return begin + text.partition(begin)[2].partition(end)[0] + end if begin in text else f"{begin}\n{end}"


def main() -> int:
    """Run the report; the exit status is 1 where the page is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", help="tables of how often names are used")
    parser.add_argument("--update", action="store_true", help="rewrite docs/coverage.md")
    given = parser.parse_args()
    text = page(uses_of(given.tables) if given.tables else kept(BEGIN, END))
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if given.update:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), text.splitlines(True), "docs/coverage.md", "now"))
    return int(before != text)


if __name__ == "__main__":
    sys.exit(main())
