"""Differences from PyTorch that are wanted: random programs that show one of them agree."""

from __future__ import annotations

import dataclasses
import re

from fuzz import programs


@dataclasses.dataclass(frozen=True)
class Purpose:
    """One kind of difference: how its text and its program look, and the words of docs/differences.md that say why."""

    row: str
    difference: str
    program: str = ""
    statement: str = ""  # the one that only PyTorch refuses

    def shown_by(self, program: programs.Program, difference: str) -> bool:
        """Whether a program differs in this way."""
        if not re.search(self.difference, difference) or not re.search(self.program, str(program)):
            return False
        at = refused_at(difference)
        return not self.statement or (at is not None and bool(re.search(self.statement, program.statements[at])))


def refused_at(difference: str) -> int | None:
    """The number of the statement that only PyTorch refuses, None in other differences."""
    found = re.match(r"refusal: statement (\d+) ", difference)
    return None if found is None else int(found[1])


# Operations of which pedigrad saves an operand, PyTorch a copy or something else.
SAVING = "CrossEntropy|NllLoss|L1Loss|SmoothL1Loss|HuberLoss|KlDiv|PoissonNllLoss|Tanhshrink|ScaledDotProductAttention"
SAVING += "|NativeGroupNorm|NativeLayerNorm|NativeBatchNorm|RmsNorm|Normalize|Lstm|Gru|Rnn"
# Writes and changes of shape that make PyTorch give views a new history.
OTHER_ALIAS = r"detach\(\)|detach_|out=|inference_mode|no_grad|set_grad_enabled|\.data\b|squeeze_|transpose_|swap\w+_|\.t_"
# Modules whose results are views of others in PyTorch, for some shapes.
AS_VIEWS = r"nn\.(Linear|Bilinear|AvgPool1d|MaxPool1d|Conv|InstanceNorm|MultiheadAttention|LSTM|GRU|RNN|Embedding)"
HOOKED = r"^(grad: t|grad value: t|(value|length): log)"  # what retain_grad and hooks have kept
UNDEFINED = r"(r?sqrt|log|acos|asin)\w*\("  # makes nan, whose gradient PyTorch's clamps let through by the number of the element
CLAMPS = r"hardtanh|Hardtanh|relu6|ReLU6"
RESHAPED = r"(squeeze_|transpose_|swap\w+_|\.t_)\("  # changes of shape in place
PURPOSES = (
    Purpose("saving and writing in place", "^(refusal|error type).*right is RuntimeError.*modified by an inplace operation"),
    Purpose("what is saved", rf"^raises.*modified by an inplace operation: ({SAVING})"),
    Purpose("what is saved", r"^raises.*modified by an inplace operation: Mul", r"\d / "),
    Purpose("what is saved", r"^raises.*modified by an inplace operation: (Add|B)?[Mm]m", r"nn\.(Linear|Bilinear|MultiheadAttention)"),
    Purpose("`t.data`", "^raises.*modified by an inplace operation", r"\.data\b"),
    Purpose("`t.data`", "^grad value", r"Norm\((.|\n)*\.data\b"),  # what is written to behind the back of the graph
    Purpose("what is saved", "^raises.*modified by an inplace operation: UnsafeView", "@|matmul"),
    Purpose("`inference_mode`", "^refusal.*([Ii]nference tensor|created in inference mode)"),
    Purpose("writes to what a module with backward hooks is given or returns", "^(refusal|error type).*BackwardHookFunction"),
    Purpose(
        "writes to what a module with backward hooks is given or returns",
        "^(refusal.*(inside a custom Function|returns multip)|type: .*right is 'RuntimeError')",
        "register_full_backward",
    ),
    Purpose("writing in place to memory shown twice", "^(raises|error type).*more than one element of the written-to tensor"),
    Purpose("writing in place to memory shown twice", "^refusal.*(more than one element|refer to a single memory location)"),
    Purpose("views and writes through another alias", "^refusal.*base or another view of its base has been modified", OTHER_ALIAS),
    Purpose("views and writes through another alias", "^type: .*right is 'RuntimeError'", OTHER_ALIAS),
    Purpose("errors that protect nothing here", "^refusal.*(detach views in-place|detached in-place|moved into the graph interior)"),
    Purpose("errors that protect nothing here", "^refusal.*Trying to backward through the graph a second time"),
    Purpose("errors that protect nothing here", "^refusal.*Integer division with addcdiv"),
    Purpose("faults of PyTorch's own", "^(refusal|error type).*(INTERNAL ASSERT|invalid gradient at index|ZeroTensors are immutable)"),
    Purpose("faults of PyTorch's own", "^raises.*(shape|that) of (its operand|a leaf) was changed in place"),
    Purpose("faults of PyTorch's own", "^raises.*a tensor whose shape was changed in place", RESHAPED),
    Purpose("faults of PyTorch's own", "^grad shape: ", RESHAPED),
    Purpose("faults of PyTorch's own", "^refusal.*doesn't match the broadcast shape", RESHAPED),
    Purpose("faults of PyTorch's own", "^grad value: t", r"mark_dirty(.|\n)*retain_grad|retain_grad(.|\n)*mark_dirty"),
    Purpose("faults of PyTorch's own", r"value: .*right is \(.*nanj?\)", "complex"),
    Purpose("faults of PyTorch's own", r"^type: \w+ is 'RuntimeError', right is a tensor", RESHAPED),
    Purpose("as_strided` of a view, changes of shape in place", r"^grad value: x", RESHAPED),
    Purpose("views and writes through another alias", "^grad value: x", rf"as_strided(.|\n)*({OTHER_ALIAS})"),
    Purpose("faults of PyTorch's own", "^refusal.*can't be cast to the desired output type", "addcdiv"),  # by its gradient
    Purpose("views and writes through another alias", "^grad value: [xm]", rf"{AS_VIEWS}(.|\n)*register_(pre)?hook"),
    Purpose("views and writes through another alias", "^grad: .* is None, right is a gradient", rf"{AS_VIEWS}(.|\n)*copy_"),
    Purpose("strides of Fourier transforms", "^refusal.*view size is not compatible", "cat|stack"),
    Purpose("views and writes through another alias", "^raises.*Can't detach views in-place", AS_VIEWS),
    Purpose("whether a gradient needs a gradient", r"^(grad )*(requires_grad|is_leaf|has_grad_fn): ([ghmtx]|log)\d+", "create_graph=True"),
    Purpose("whether a gradient needs a gradient", "^grad: .* is None, right is a gradient", r"requires_grad_\((.|\n)*create_graph=True"),
    Purpose("whether a gradient needs a gradient", r"^(length|value): log", "create_graph=True"),
    Purpose("whether a gradient needs a gradient", r"^grad: x\d+\.grad is there, right is None", "create_graph=True"),
    Purpose("whether a gradient needs a gradient", r"^type: [gh]\d+\[\d+\] is None, right is a tensor", "create_graph=True"),
    Purpose("whether a gradient needs a gradient", "^refusal.*AttributeError: 'NoneType'", "create_graph=True"),
    Purpose("views and writes through another alias", r"^type: g\d+\[\d+\] is None, right is a tensor", RESHAPED),
    Purpose("whether a gradient needs a gradient", r"^type: [hq]\d+[ \[].*right is (0|None)$", "create_graph=True"),
    Purpose(
        "views and writes through another alias", "^refusal.*a leaf Variable that requires", statement=r"^(torch\.\w+\()?[vp]\d+|[-+*/]= "
    ),
    Purpose("views and writes through another alias", r"^requires_grad: [tvpf]\d+'s is False, right is True", "requires_grad_"),
    Purpose("as_strided` of a view, changes of shape in place", "^(grad )*value: g", r"unfold(.|\n)*as_strided"),
    Purpose("hooks on nodes", "NoneType", "register_prehook"),
    Purpose("as_strided` of a view, changes of shape in place", HOOKED, RESHAPED),
    Purpose("as_strided` of a view, changes of shape in place", "^shape: log", RESHAPED),
    Purpose("views and writes through another alias", "^grad value", RESHAPED + r"(.|\n)*(register_hook|retain_grad)"),
    Purpose("views and writes through another alias", HOOKED, AS_VIEWS),
    Purpose("faults of PyTorch's own", r"^grad value: x\d+\.grad is "),  # of numbers whose gradients share memory
    Purpose("faults of PyTorch's own", "^grad value", "register_post_accumulate_grad_hook"),
    Purpose("faults of PyTorch's own", "^(grad )*value", r"PReLU(.|\n)*create_graph=True"),
    Purpose("views and writes through another alias", "^refusal.*inside a custom Function", r"Function(.|\n)*\w_\("),
    Purpose("views and writes through another alias", r"^type: g\d+\[\d+\] is Seen.* right is None$", AS_VIEWS),
    Purpose("zeros, infinities and nan in special functions", "value: .*right is nan", r"(norm|std)(.|\n)*create_graph=True"),
    Purpose("zeros, infinities and nan in special functions", "value: .* is -?inf, right is nan", "gelu"),
    Purpose("zeros, infinities and nan in special functions", "value: .*right is nan", r"smooth_l1|huber"),
    Purpose("zeros, infinities and nan in special functions", "value: ", rf"{UNDEFINED}(.|\n)*({CLAMPS})"),
    Purpose("derivatives with respect to results in between", "^value: [gh]", r"elu(_\(|\(.*inplace=True)(.|\n)*create_graph=True"),
    Purpose("errors that protect nothing here", "^raises.*Trying to backward through the graph a second time"),
    Purpose("normalization by a variance that overflows", "value: .* is nan, right is", r"(exp|pow|\*\*|cosh|sinh)(.|\n)*Norm"),
    Purpose("sums in float16 and bfloat16", "^(grad )?value", r"float16(.|\n)*(kl_div|prod)"),
    Purpose("steps of float16 and bfloat16 parameters", "^(grad )?value", r"float16(.|\n)*optim\."),
    Purpose("16-bit complex numbers", "ComplexHalf|right is 'TypeError'", "complex"),
)


# Differences of compiled functions from what runs as usual.
COMPILED = (
    Purpose("`t.data`", "^grad value", r"\.data\."),  # what is written to behind the back of the graph
    Purpose("`t.data`", "right is 'cannot be looked at: a view", r"\.data = "),
    Purpose("`torch.compile`", r"^grad: r\S*\.grad is there, right is None", "retain_grad"),
)


def purpose_of(program: programs.Program, difference: str, purposes: tuple[Purpose, ...] = PURPOSES) -> Purpose | None:
    """The wanted difference that a program shows, if it is one."""
    return next((each for each in purposes if each.shown_by(program, difference)), None)
