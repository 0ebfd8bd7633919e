"""Models: lists that hide layers, the mode they are in, what they do with their inputs."""

from __future__ import annotations

import functools
import inspect
import linecache
import re
import weakref
from types import CodeType
from typing import Any

import numpy as np

from ...autograd.nonfinite import ancestors
from ...core import modes
from ...core.graph import Leaf, Write, write_to
from ...core.origin import NOWHERE, Origin
from ...core.scope import here
from ...core.tensor import Tensor
from ...nn.module import Module
from ...nn.normalization import _NormBase
from ..findings import Check, Finding, listed
from ..program import Call, FunctionCall, Model, Pass, Updater, kind_in
from .losses import LOSSES

AVERAGES = ("add_scaled", "lerp")  # operations by which averages of parameters are kept
Line = tuple[CodeType | None, int]  # the key of an Origin
SEVERAL = 3
MANY = 64  # calls that are kept in mind
LATER = 4  # backward passes after which none will come to a call any more
MEASURES = ("numpy", "tolist", "item")
CHOICES = ("argmax", "max", "topk", "gt", "ge", "round")  # what makes predictions of scores


class ModulesInList(Check):
    """Layers or parameters in a plain list or dict, which `parameters()` does not find."""

    name = "modules-in-list"
    remedy = "Use nn.ModuleList, nn.ModuleDict or nn.ParameterList, so that parameters(), to() and state_dict() find them."

    def finish(self) -> None:
        owned = self.program.optimized()
        for model in list(self.program.models.values()):
            registered = {id(p) for p in model.module.parameters()}
            for path, module in model.module.named_modules():
                for name, value in list(vars(module).items()):
                    if name.startswith("_"):
                        continue
                    hidden = [p for p in hidden_in(value) if p.requires_grad and id(p) not in registered and id(p) not in owned]
                    if hidden:
                        self.hidden(f"{model.name}.{path}".rstrip(".") + f".{name}", module, name, hidden)

    def hidden(self, path: str, module: Module, name: str, parameters: list[Tensor]) -> None:
        """Enter a finding at the line that assigns the attribute."""
        kind = type(vars(module)[name]).__name__
        message = f"{path} is a plain {kind} with {len(parameters)} parameters that {type(module).__name__}.parameters() does not find."
        place = line_that_sets(type(module), name)
        if place is None:
            self.found(message, self.program.made_at(parameters[0]))
        else:
            self.findings.add(Finding(self.name, message, self.remedy, *place))


def hidden_in(value: Any) -> list[Tensor]:
    """The parameters of modules in a list, tuple or dict, and parameters in it."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)) or isinstance(value, Module):
        return []
    found: list[Tensor] = []
    for each in value[:1000]:
        if isinstance(each, Module):
            found += each.parameters()
        elif isinstance(each, Tensor) and each.is_leaf and each.requires_grad:
            found.append(each)
        elif isinstance(each, (list, tuple, dict)):
            found += hidden_in(each)
    return found


def line_that_sets(cls: type, name: str) -> tuple[str, int, str] | None:
    """File, line and text of the first assignment to `self.name` in a class's methods, or in those of what it inherits from."""
    sets = re.compile(rf"\bself\.{re.escape(name)}\s*(,[^=()]*)?(:[^=]*)?=[^=]")
    for each in cls.__mro__:
        methods = [inspect.unwrap(m) for m in vars(each).values() if inspect.isfunction(m)]
        for code in sorted((m.__code__ for m in methods), key=lambda code: code.co_firstlineno):
            last = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
            for number in range(code.co_firstlineno, last + 1):
                line = linecache.getline(code.co_filename, number)
                if sets.search(line):
                    return code.co_filename, number, line.strip()
    return None


class TrainingWhileMeasuring(Check):
    """A model with dropout or batch norms is measured in training mode."""

    name = "train-mode-while-measuring"
    remedy = "Call model.eval() before measuring, and model.train() before training goes on."
    functions = (*LOSSES, *MEASURES, "dropout")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.derived: dict[int, tuple[weakref.ref[Tensor], Call, str]] = {}  # what was computed from an output: "chosen", "compared" or ""
        self.fitted: set[int] = set()  # models whose own outputs losses are computed of
        self.taken: list[Call] = []  # predictions that became arrays since the last backward pass
        self.open: list[
            tuple[Call, int, Any]
        ] = []  # calls that no backward pass has come to, how many have run since, what tells the input
        self.learning: set[tuple[Any, int]] = set()  # lines with calls that backward passes came to
        self.only_read: dict[tuple[Any, int], Call] = {}  # lines with a call whose measure was read, and that no pass came to

    def backward(self, run: Pass) -> None:
        for call in self.taken:
            self.measure(call)
        self.taken.clear()
        self.sort(run)

    def sort(self, run: Pass) -> None:
        """Tell calls that the program learns from, which this pass comes to, from those of which it only reads how good they are."""
        calls, self.open = [entry for entry in self.open if entry[0].origin.key not in self.learning], []
        alive = any(call.node is not None for call, _, _ in calls)
        reached = {id(node) for loss in run.tensors if loss._node is not None for node in ancestors(loss._node)} if alive else set()
        for call, passes, mark in calls:
            if id(call.node) in reached:
                self.learning.add(call.origin.key)
            elif call.node is not None and passes < LATER:
                self.open.append((call, passes + 1, mark))
            elif call.measured and call.read:
                self.only_read[call.origin.key] = call

    def fall_asleep(self) -> None:
        self.open.clear()  # nobody will see whether passes come to them

    def calling(self, call: Call) -> None:
        pending = [c for c in self.program.calls if c.model is call.model and c.measured and c.is_gone]
        if len(pending) >= SEVERAL and self.program.steps:
            self.tell(pending[-1])

    def finish(self) -> None:
        for call in self.taken:
            self.measure(call)
        for call in self.program.calls:
            if call.measured and call.is_gone and self.program.steps:
                self.tell(call)
        only_read = {call.origin.key: call for call, _, _ in self.open if call.measured and call.read and call.node is None}
        for place, call in (self.only_read | only_read).items():
            if place not in self.learning:
                self.tell(call)

    def called(self, call: Call) -> None:
        if call.output is not None and call.training:
            self.derived[id(call.output)] = (weakref.ref(call.output), call, "")
            made = any(t._node is not None and t._node.__class__ is not Leaf for t in call.inputs)  # by a generator, say
            if call.node is not None and not made and self.program.steps and not self.program.stepping:
                self.wait_for(call)

    def wait_for(self, call: Call) -> None:
        """See what becomes of a call, unless its line is known, or predicts the same input again, as Monte Carlo dropout does."""
        place = call.origin.key
        if place in self.learning:
            return
        mark = call.given if call.inputs else None  # while it has them
        if any(other.origin.key == place and not passes and mark == known for other, passes, known in self.open):
            self.learning.add(place)
            return
        self.open = [*self.open[1 - MANY :], (call, 0, mark)]

    def look(self, on: bool) -> None:
        if on:
            self.derived = {key: entry for key, entry in self.derived.items() if entry[0]() is not None}

    def of(self, value: Any) -> tuple[Call, str] | None:
        """The call whose output a tensor was computed from."""
        entry = self.derived.get(id(value))
        return (entry[1], entry[2]) if entry is not None and entry[0]() is value else None

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        known = [k for k in map(self.of, operands) if k is not None]
        if not known:
            return
        call, what = known[0]
        if op.name in CHOICES:
            what = "chosen"
        elif op.name == "mul" and not what and len(known) == 1 and is_weighed(operands):
            what = "weighed"  # as the overlap of a mask with that which is right
        elif op.name == "sub" and len(known) == 1 and all(isinstance(x, Tensor) and x._node.__class__ is not Leaf for x in operands):
            what = "compared" if operands[0].shape == operands[1].shape else what
        elif op.name == "gather" and len(known) == 1 and self.of(operands[0]) is not None and not call.grad:
            what = "compared"  # the scores of the classes that are right
        results = [each for each in (result if isinstance(result, tuple) else (result,)) if isinstance(each, Tensor)]
        self.derived.update((id(each), (weakref.ref(each), call, what)) for each in results)
        counts = op.name in ("eq", "ne") and (not call.grad or (what == "chosen" and len(known) == 1))  # else of what it drew to act
        if counts or (what == "compared" and op.kind == "reduction" and results and results[0]._array.size == 1):
            self.measure(call, results[0] if results else None)

    def function(self, call: FunctionCall) -> None:
        if call.name == "dropout":
            return self.dropped(call)
        known = self.of(call.argument(0, "input"))
        if known is None:
            return
        known[0].read = known[0].read or call.name in MEASURES
        if call.name in LOSSES or (known[1] in ("chosen", "weighed") and not known[0].grad):
            self.measure(known[0], call.result)
        elif call.name != "item" and not known[0].grad and known[0].mark is not None and known[0].model.number in self.fitted:
            self.take(known[0])

    def dropped(self, call: FunctionCall) -> None:
        """A dropout that was not told whether the model is in training mode: it always is, then."""
        last = self.program.last_call
        told = len(call.args) > 2 or "training" in call.kwargs
        if not told and last is not None and not last.grad and not last.training and last.model.trained and call.argument(1, "p", 0.5):
            message = f"dropout() is active while {last.model.name} is in evaluation mode: it was not told of the mode."
            self.found(message, remedy="Give it the mode, F.dropout(x, p, training=self.training), or use a layer nn.Dropout(p).")

    def take(self, call: Call) -> None:
        """A prediction becomes an array: to be measured, unless the same input is predicted again, as Monte Carlo dropout does."""
        if any(other.mark == call.mark and other is not call for other in self.taken):
            self.fitted.discard(call.model.number)
            self.taken.clear()
        elif all(other is not call for other in self.taken):
            call.active = call.model.active()
            self.taken.append(call)

    def measure(self, call: Call, measure: Any = None) -> None:
        """Something that tells how good the output is was computed of it."""
        if isinstance(measure, Tensor) and measure._node is not None and call.node is None:
            return  # the output, cut from its history, is what another one is to be like
        if call.grad:
            self.fitted.add(call.model.number)
        if not call.measured:
            call.measured = True
            call.active = call.active or call.model.active()
            if not call.grad:
                self.tell(call)

    def tell(self, call: Call) -> None:
        """Enter a finding."""
        if call.active and call.model.trained:
            do = "act as they do" if len(call.active) > 1 else "acts as it does"
            self.found(f"{call.model.name} is measured in training mode: {listed(call.active)} {do} in training.", call.origin)


def is_weighed(operands: tuple[Any, ...]) -> bool:
    """Whether two tensors of several samples and of one shape are multiplied, and neither is a parameter."""
    tensors = [x for x in operands if isinstance(x, Tensor) and x.ndim and x._node.__class__ is not Leaf]
    return len(tensors) == 2 and tensors[0].shape == tensors[1].shape


class EvalWhileTraining(Check):
    """A model with dropout or batch norms is trained in evaluation mode."""

    name = "eval-mode-while-training"
    remedy = "Call model.train() at the beginning of each epoch: model.eval() holds until then."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.last: dict[int, tuple[Call, Model]] = {}
        self.times: dict[int, int] = {}

    def fall_asleep(self) -> None:
        self.last.clear()

    def called(self, call: Call) -> None:
        if call.grad and not call.training:
            self.last[call.model.number] = (call, call.model)
        elif call.grad:
            self.last.pop(call.model.number, None)

    def step(self, updater: Updater) -> None:
        for key, (call, model) in list(self.last.items()):
            if not any(id(p) in updater.owned for p in model.module.parameters()):
                continue  # another optimizer's step
            del self.last[key]
            if moody := model.moody() if call.passed else []:
                self.times[key] = self.times.get(key, 0) + 1
                if self.times[key] == SEVERAL:
                    do = "do" if len(moody) > 1 else "does"
                    self.found(f"{model.name} is trained in evaluation mode: {listed(moody)} {do} not act as in training.", call.origin)


class BatchOfOne(Check):
    """Batch norms are given batches of one sample in training mode, or dropout is active where a single sample is predicted."""

    name = "batch-of-one"
    remedy = "Use larger batches (drop_last=True for the last one), or GroupNorm or LayerNorm; call model.eval() where you predict."
    functions = ("batch_norm", "dropout")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.single = self.all = 0
        self.at, self.scope = NOWHERE, here.get().scope
        self.predicted: list[Call] = []  # calls that predicted a single sample with dropout

    def function(self, call: FunctionCall) -> None:
        x = call.argument(0, "input")
        if not isinstance(x, Tensor) or x.ndim < 2:
            return
        if call.name == "batch_norm" and call.argument(5, "training", False):
            self.all += 1
            if x.shape[0] == 1:
                self.single += 1
                self.at, self.scope = Origin.here(), here.get().scope
                if call.error is not None:
                    self.tell()
        elif call.name == "dropout" and call.argument(2, "training", True) and call.argument(1, "p", 0.5):
            last = self.program.last_call
            if x.shape[0] == 1 and last is not None and not last.grad and last.model.trained and last not in self.predicted[-1:]:
                self.predicted.append(last)

    def tell(self) -> None:
        """Enter a finding."""
        self.found(
            "A batch norm in training mode is given a batch of one sample: its mean and variance are that sample's own.",
            self.at,
            scope=self.scope,
        )

    def finish(self) -> None:
        if self.single >= SEVERAL and self.single > self.all / 2:
            self.tell()
        marks = {call.mark for call in self.predicted}
        last = self.predicted[-1] if self.predicted else None  # Monte Carlo dropout predicts the same sample many times
        if last is not None and len(marks) > len(self.predicted) / 2 and not self.found_by(TrainingWhileMeasuring):
            self.found(f"Dropout is active while {last.model.name} predicts a single sample.", last.origin)

    def found_by(self, check: type[Check]) -> bool:
        """Whether another check has found something."""
        return any(finding.check == check.name for finding in self.findings.items)


class StatisticsStay(Check):
    """A batch norm's momentum is 0: what training has seen does not come into the statistics that evaluation mode uses."""

    name = "statistics-never-change"
    remedy = "PyTorch's momentum is the part of the new batch, 0.1 unless it is given; None averages all batches alike."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.without: set[int] = set()  # models that have no such norm

    def called(self, call: Call) -> None:
        if call.training or not call.model.trained or call.model.number in self.without:
            return
        still = [(name, m) for name, m in call.model.module.named_modules() if isinstance(m, _NormBase) and m.momentum == 0]
        if not still:
            self.without.add(call.model.number)
        unlearnt = [(name, m) for name, m in still if not m.training and is_as_made(m)]
        if unlearnt:
            name, norm = unlearnt[0]
            count = norm.num_batches_tracked.item()
            at = NOWHERE if norm.weight is None else self.program.made_at(norm.weight)
            which = kind_in(call.model, name, norm)
            message = f"The momentum of {which} is 0: after {count} batches the mean that evaluation mode uses is still 0, the variance 1."
            self.found(message, at if at.code is not None else call.origin)


def is_as_made(norm: _NormBase) -> bool:
    """Whether a norm has statistics, several batches have been seen in training mode, and nothing has come into them."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return False
    if norm.num_batches_tracked.item() < SEVERAL:
        return False
    return not norm.running_mean._array.any() and bool((norm.running_var._array == 1).all())


class UnusedInput(Check):
    """A model does nothing with one of the tensors that it is called with."""

    name = "unused-input"
    remedy = "Use the argument in forward(), or take it away."
    functions = (*LOSSES, "numpy", "tolist", "item", "embedding_of_indices", "batch_norm", "dropout", "multi_head_attention_forward", "to")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.waiting: dict[int, str] = {}  # inputs that no operation has used yet
        self.unused: dict[tuple[int, str], int] = {}
        self.seen: dict[int, int] = {}
        self.models: dict[Any, set[int]] = {}  # by line, those that it calls: one may need what another does not
        self.said: dict[Any, tuple[str, Origin]] = {}
        self.looks = False

    def look(self, on: bool) -> None:
        self.looks = on
        self.waiting.clear()

    def calling(self, call: Call) -> None:
        self.waiting = {}
        if self.looks and call.grad:
            names = argument_names(call)
            self.waiting = {id(t): names.get(id(t), "an argument") for t in call.inputs if t.ndim}  # a number, as a time, may go unused

    def use(self, value: Any) -> None:
        """A tensor is used."""
        if isinstance(value, Tensor):
            self.waiting.pop(id(value), None)
        elif isinstance(value, (list, tuple)):
            for each in value:
                self.use(each)

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if self.waiting:
            for operand in operands:
                self.use(operand)

    def function(self, call: FunctionCall) -> None:
        if self.waiting:
            self.use(list(call.args))
            self.use(list(call.kwargs.values()))

    def called(self, call: Call) -> None:
        if not self.looks or not call.grad:
            return
        self.seen[call.model.number] = self.seen.get(call.model.number, 0) + 1
        self.models.setdefault(call.origin.key, set()).add(call.model.number)
        for name in self.waiting.values():
            key = call.model.number, name
            self.unused[key] = self.unused.get(key, 0) + 1
            if (
                self.unused[key] == 2
                and self.seen[call.model.number] == 2
                and type(call.model.module).__module__.partition(".")[0] != "pedigrad"
            ):
                self.said.setdefault(call.origin.key, (f"{call.model.name} is given {name!r} and no operation uses it.", call.origin))
        self.waiting = {}

    def finish(self) -> None:
        for line, (message, origin) in self.said.items():
            if len(self.models[line]) == 1:
                self.found(message, origin)


signature_of = functools.lru_cache(maxsize=256)(inspect.signature)


def argument_names(call: Call) -> dict[int, str]:
    """What the model's forward calls the tensors that it is given, by their identity."""
    try:
        bound = signature_of(type(call.model.module).forward).bind(call.model.module, *call.args, **call.kwargs)
    except (TypeError, ValueError):
        return {}
    return {id(value): name for name, value in bound.arguments.items() if isinstance(value, Tensor)}


class SameOutput(Check):
    """A model's output is the same for all samples of a batch."""

    name = "same-output"
    remedy = (
        "Look for a layer whose output does not depend on its input: dead ReLUs, weights that are all equal or zero, the wrong variable."
    )

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.counts: dict[int, list[Any]] = {}

    def called(self, call: Call) -> None:
        model, out = call.model, call.output
        if not call.grad or out is None or not call.inputs or (model.calls > 8 and model.calls % 16):
            return
        if out.ndim == 0 or out.shape[0] < 2 or out._array.dtype.kind != "f":
            return
        given = next((t for t in call.inputs if t.ndim and t.shape[0] == out.shape[0]), None)
        if given is None or not differs(given._array):
            return
        entry = self.counts.setdefault(model.number, [0, 0, call.origin, model])
        entry[0] += 1
        entry[1] += not differs(out._array)

    def finish(self) -> None:
        for seen, same, origin, model in self.counts.values():
            if seen >= 2 * SEVERAL and same == seen:
                self.found(f"The output of {model.name} is the same for every sample of a batch, although the inputs differ.", origin)


def differs(array: Any) -> bool:
    """Whether the rows of an array are not all alike, up to rounding."""
    first = array[:1]
    scale = np.abs(array).max() if array.size else 0
    if not np.isfinite(scale):
        return True  # that is found elsewhere
    return bool(array.size) and bool((np.abs(array - first) > 1e-6 * scale).any())


class LayerAnew(Check):
    """A layer is made anew in each `forward`: what it is to learn goes with it."""

    name = "layer-made-anew"
    remedy = "Make the layer once, in __init__ (self.layer = ...), and call it in forward()."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.times: dict[Line, int] = {}  # by line, the passes in a row to parameters that it made and nobody has any more
        self.other: set[Line] = set()  # lines that make parameters whose gradients somebody asks for or that learn nothing, or are told of

    def fall_asleep(self) -> None:
        self.times = {}

    def backwarded(self, run: Pass) -> None:
        made: dict[Line, list[Leaf]] = {}
        for leaf, origin in self.program.latest:
            if leaf in run.leaves and origin.code is not None and origin.code.co_name == "forward":
                made.setdefault(origin.key, []).append(leaf)
        if not run.accumulates:
            self.other.update(made)
            return
        lost = [line for line, leaves in made.items() if line not in self.other and all(leaf.variable is None for leaf in leaves)]
        self.times = {line: self.times.get(line, 0) + 1 for line in lost}
        for line, times in self.times.items():
            if times > SEVERAL and self.program.steps:
                self.judge(line, made[line], run)

    def judge(self, line: Line, leaves: list[Leaf], run: Pass) -> None:
        """Enter a finding, unless the layer is called several times, or nothing is learnt before it (it may distort data by chance)."""
        self.other.add(line)
        nodes = [node for t in run.tensors if t._node is not None for node in ancestors(t._node)]
        callers = [[node for node in nodes if any(parent is leaf for parent in node.parents)] for leaf in leaves]
        if all(len(c) == 1 and any(p is not None and not isinstance(p, Leaf) for p in c[0].parents) for c in callers):
            what = "A layer" if len(leaves) > 1 else "A parameter"
            self.found(f"{what} is made anew in each forward(): no optimizer has it, and its gradients are lost with it.", Origin(*line))


class StateNotCopied(Check):
    """A model is loaded from its own tensors, or averaged with them: the state that was kept went on with it."""

    name = "state-not-copied"
    remedy = "state_dict() gives the model's own tensors: keep copy.deepcopy(model.state_dict()), or torch.save it."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.averaging: list[tuple[Write, int, str, Tensor]] = []  # what may have been written into itself: how often before, by what
        self.averaged: dict[Line, set[int]] = {}  # by line the steps after which it averaged a parameter with itself

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.name not in AVERAGES or modes.grad_enabled() or not self.program.steps or len(self.averaging) >= MANY:
            return
        target, other = operands[:2]
        if not isinstance(other, Tensor) or not isinstance(target, Tensor) or other is target or not is_same_memory(target, other):
            return
        write = write_to(target._array)
        if write is not None and (op.name == "lerp" or (write.what == "mul_" and adds_a_part(target._array, result._array))):
            p = next((p for p in self.program.optimized().values() if is_same_memory(p, target)), None)
            if p is not None:
                self.averaging.append((write, write.count, f"{op.name}_", p))

    def backward(self, run: Pass) -> None:
        self.look_at_averages()

    def step(self, updater: Updater) -> None:
        self.look_at_averages()

    def finish(self) -> None:
        self.look_at_averages()

    def look_at_averages(self) -> None:
        """See which of those operations wrote in place, in a second step at the latest."""
        averaging, self.averaging = self.averaging, []
        for write, count, what, p in averaging:
            if write.count == count + 1 and write.what == what and write.origin is not None:
                steps = self.averaged.setdefault(write.origin.key, set())
                steps.add(self.program.steps)
                if len(steps) == 2:
                    message = f"The average of {self.program.name_of(p)} lies in the same memory: it is averaged with itself."
                    self.found(message, write.origin)

    def loading(self, module: Module, state: Any, strict: bool) -> None:
        if not self.program.steps or not isinstance(state, dict):
            return
        pairs = [(p._array, state.get(name)) for name, p in module.named_parameters(remove_duplicate=False)]
        if pairs and all(isinstance(kept, Tensor) and kept._array.size and np.may_share_memory(kept._array, own) for own, kept in pairs):
            message = f"load_state_dict() is given the very tensors that the {type(module).__name__} has"
            self.found(f"{message}: what was kept has changed with each step, and nothing is loaded.")


def is_same_memory(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors show the same elements of one memory."""
    x, y = a._array, b._array
    return x.shape == y.shape and x.size > 1 and x.strides == y.strides and x.ctypes.data == y.ctypes.data and x.dtype == y.dtype


def adds_a_part(before: Any, after: Any) -> bool:
    """Whether an array grows by a part of itself."""
    at = np.abs(before).argmax()
    most = before.flat[at]
    return before.dtype.kind == "f" and before.shape == after.shape and most != 0 and 1 < after.flat[at] / most < 2


class NothingLoaded(Check):
    """A module is loaded with `strict=False` from a state whose names have another prefix than its own: nothing is."""

    name = "nothing-loaded"
    remedy = "Give it the names that it has: {k.removeprefix(prefix): v for k, v in state.items()}; and look at what strict=False returns."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.missed: list[tuple[weakref.ref[Module], str, Origin]] = []  # what nothing was loaded into, what to say of it, where

    def loading(self, module: Module, state: Any, strict: bool) -> None:
        own = {name: t for name, t in (*module.named_parameters(), *module.named_buffers()) if t.ndim}
        given = {name: t for name, t in state.items() if isinstance(t, Tensor) and t.ndim}
        if any(name in own for name in given):
            parts = {id(part) for part in module.modules()}
            self.missed = [entry for entry in self.missed if parts.isdisjoint(map(id, (entry[0]() or Module()).modules()))]
        elif not strict and own and given and not has_own_way(module) and has_other_prefix(own, given):
            names = f"it has {next(iter(own))!r}, the state {next(iter(given))!r}"
            message = f"Nothing was loaded into the {type(module).__name__}: {names}, and strict=False passes over names that differ."
            self.missed.append((weakref.ref(module), message, Origin.here()))

    def finish(self) -> None:
        called = {id(part) for model in self.program.models.values() for part in model.module.modules()}
        for module, message, origin in self.missed:
            if id(module()) in called:
                self.found(message, origin)


def has_own_way(module: Module) -> bool:
    """Whether the user's program has its own way to load something of a module."""
    ways = ((m, type(m)._load_from_state_dict.__module__) for m in module.modules())
    return any(m._load_state_dict_pre_hooks or m._load_state_dict_post_hooks or not way.startswith("pedigrad.") for m, way in ways)


def has_other_prefix(own: dict[str, Tensor], given: dict[str, Tensor]) -> bool:
    """Whether all tensors of one are those of the other, of the same shapes, under names that begin otherwise."""
    for few, many in ((own, given), (given, own)):
        first = next(iter(few))
        prefixes = [name.removesuffix(first) for name in many if name.endswith("." + first)]
        if any(all(p + name in many and many[p + name].shape == t.shape for name, t in few.items()) for p in prefixes):
            return True
    return False


class FreezesNothing(Check):
    """`requires_grad` is set on a module, or misspelt on a parameter: that is any attribute, and nothing is frozen."""

    name = "freezes-nothing"
    remedy = "Call requires_grad_(False) on the module; of a single parameter set p.requires_grad = False."

    def finish(self) -> None:
        for model in self.program.models.values():
            for path, module in model.module.named_modules():
                is_set = vars(module).get("requires_grad") is False and line_that_sets(type(module), "requires_grad") is None
                if is_set and any(p._node in self.program.reached for p in module.parameters()):
                    name = f"{model.name}.{path}".rstrip(".")
                    self.nothing(f"{name}.requires_grad is an attribute of a module", "requires_grad", model, path.rpartition(".")[2])
            for path, p in model.module.named_parameters():
                for wrong in MISSPELT & vars(p).keys():
                    if p._node in self.program.reached:
                        self.nothing(f"{model.name}.{path}.{wrong} is no attribute that a parameter has", wrong, model)

    def nothing(self, what: str, attribute: str, model: Model, name: str = "") -> None:
        """Enter a finding at the line that sets an attribute, if there is one in the file that calls the model."""
        sets = re.compile(rf"\.{attribute}\s*=[^=]")
        lines = linecache.getlines(model.origin.file) if model.origin.code is not None else []
        places = [(number, line.strip()) for number, line in enumerate(lines, 1) if sets.search(line)]
        places.sort(key=lambda place: f"{name}.{attribute}" not in place[1])
        message = f"{what}, and freezes nothing: the parameters still get gradients."
        place = (model.origin.file, *places[0]) if places else ("", 0, "")
        self.findings.add(Finding(self.name, message, self.remedy, *place))


MISSPELT = {"require_grad", "requires_grads", "require_grads", "required_grad", "requiers_grad", "requires_gradient", "requiresgrad"}
