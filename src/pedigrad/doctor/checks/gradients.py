"""Which parameters get gradients, and whether anybody uses them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from ...autograd.nonfinite import ancestors
from ...autograd.reasons import Reached, cuts_between
from ...core.graph import Leaf, Node
from ...core.origin import NOWHERE, Origin, is_users
from ...core.scope import here
from ...core.tensor import Tensor
from ...nn.module import Module
from ...nn.parameter import Parameter
from ..findings import Check, Finding, listed
from ..program import Call, FunctionCall, Pass, Updater, any_in, gradient_of, has_gradient
from .modules import hidden_in, line_that_sets

SEVERAL = 3
CUT = (
    "Let values keep their history on the way to the loss: no detach(), item(), numpy() or no_grad() there. A layer that is not to learn"
    " is left out of the optimizer."
)
MANY = 256  # leaves without an optimizer that are kept in mind
STILL = 10  # steps in which no layer has a gradient any more
LOOKED = 6  # backward passes before which it is noted what leaves the graph


class ParametersHistory(Check):
    """What the checks of this file have in common: which parameters backward passes came to."""

    def is_reached(self, p: Tensor) -> bool:
        """Whether a backward pass came to a parameter."""
        return p._node in self.program.reached

    def passing(self) -> list[Origin]:
        """Where parameters were made that got gradients and were replaced again before an optimizer had them."""
        models = list(self.program.models.values())
        inside = {id(p) for m in models for p in m.parameters}
        owned = self.program.optimized()
        shapes = {p.shape for key, p in owned.items() if key not in inside}
        has = {*inside, *owned}
        past = self.program.past
        latest = [
            (leaf, at) for leaf, at in self.program.latest if leaf.shape in shapes and leaf in self.program.reached and leaf not in past
        ]
        return [at for leaf, at in latest if leaf.variable is None or id(leaf.variable) not in has]

    def replaced(self) -> tuple[list[Tensor], list[Tensor]]:
        """Parameters that an optimizer has and no model any more, and those of the same models that get gradients and no optimizer has."""
        models = [m for m in self.program.models.values() if m.module.training or m.trained]
        inside = {id(p): p for m in models for p in m.parameters}
        owned = self.program.optimized()
        old = [
            p
            for u in self.program.updaters.values()
            if u.steps
            for p in u.parameters
            if id(p) not in inside and p.requires_grad and not self.is_reached(p)
        ]
        new = [p for key, p in inside.items() if key not in owned and self.is_reached(p)]
        return (old, new) if old and new else ([], [])


class ParameterReplaced(ParametersHistory):
    """An optimizer updates parameters that the model has not any more: they were replaced after it was made."""

    name = "parameter-replaced"
    remedy = "Make the optimizer after the last change of the model's layers, or give it the new ones with optimizer.add_param_group()."

    def finish(self) -> None:
        old, new = self.replaced()
        passing = [] if new else self.passing()
        if len(passing) >= SEVERAL:
            at = passing[-1]
            message = f"This line replaced a parameter {len(passing)} times: the optimizer updates the one that it was made with."
            self.found(message, at, "Write into the parameter, under torch.no_grad(): p.clamp_(...) or p.copy_(...).")
        if new:
            names = listed(self.program.name_of(p) for p in new)
            owner = next(u for u in self.program.updaters.values() if any(p is each for p in u.parameters for each in old))
            anew = {id(p) for p in new}
            model = next(m for m in self.program.models.values() if any(p is new[0] for p in m.parameters))
            if all(id(p) in anew for p in model.parameters):
                message = f"All of {model.name} was made after {owner.name}, which updates the parameters of a model that is not called."
                return self.found(message, owner.origin, "Make the optimizer of the model that is trained, after that is made.")
            message = f"{names} took the place of {len(old)} parameters that the optimizer was made with: it updates the old ones."
            self.found(message, self.program.made_at(new[0]))


class NotOptimized(ParametersHistory):
    """A model's parameters get gradients, and no optimizer has them."""

    name = "not-optimized"
    remedy = "Give the optimizer all parameters that are to learn, or call requires_grad_(False) on those that are not."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.loose: dict[int, tuple[Tensor, int]] = {}  # leaves that no optimizer has, and how many passes reached them
        self.used: weakref.WeakSet[Leaf] = weakref.WeakSet()  # those that models are given, and whose gradients somebody asks for or zeroes

    def called(self, call: Call) -> None:
        self.used.update(t._node for t in call.inputs if isinstance(t._node, Leaf))

    def backward(self, run: Pass) -> None:
        self.used.update(p._node for p, _ in self.loose.values() if isinstance(p._node, Leaf) and gradient_of(p) is None)

    def backwarded(self, run: Pass) -> None:
        if not run.accumulates:
            self.used.update(run.leaves)
            return
        owned = self.program.optimized()
        for leaf in run.leaves:
            p = leaf.variable
            if p is not None and id(p) not in owned and leaf not in self.used:
                self.loose[id(p)] = p, self.loose.get(id(p), (p, 0))[1] + 1
        if len(self.loose) > MANY:
            self.loose = {key: entry for key, entry in self.loose.items() if entry[1] >= SEVERAL}

    def finish(self) -> None:
        owned = self.program.optimized()
        if not any(u.steps for u in self.program.updaters.values()):
            return
        self.look_at_loose(owned)
        _, new = self.replaced()
        skipped = {id(p) for p in new}
        for model in self.program.models.values():
            if not model.module.training and not model.trained:
                continue
            lost = [
                p
                for p in model.parameters
                if id(p) not in owned and id(p) not in skipped and self.is_reached(p) and p._node not in self.program.written
            ]
            if lost:
                names = listed(self.program.name_of(p) for p in lost)
                message = f"{names} get gradients, but no optimizer has them: they stay as they are."
                twice = self.same_twice()
                at = next((u.origin for u in self.program.updaters.values() if u.steps), NOWHERE)
                if twice is not None:
                    message += f" Two optimizers have the same parameters, this one and that of line {twice[0].origin.line}."
                    at = twice[1].origin
                self.found(message, at)

    def look_at_loose(self, owned: Mapping[int, Tensor]) -> None:
        """Look at leaves in no model that get gradients in each pass, and that nobody updates: attributes, and what functions hold."""
        every = [m for model in self.program.models.values() for m in model.module.modules()]
        inside = {id(p) for model in self.program.models.values() for p in model.module.parameters()}
        own = [(m, name, value) for m in every for name, value in list(vars(m).items()) if name[0] != "_"]
        inside |= {id(p) for _, _, value in own for p in hidden_in(value)}  # ModulesInList tells of these
        attributes = {id(value): (m, name) for m, name, value in own if isinstance(value, Tensor)}
        by_hand = not any(key in inside for key in owned)  # what is trained are leaves that the program made itself
        lost = []
        for key, (p, passes) in self.loose.items():
            known = key in inside or key in owned or p._node in self.program.written or p._node in self.used
            if known or passes < SEVERAL or not p.requires_grad:
                continue
            if key in attributes:
                module, name = attributes[key]
                self.attribute(module, name)
            elif by_hand or isinstance(p, Parameter):
                lost.append(p)
        if lost:
            at = next(u.origin for u in self.program.updaters.values() if u.steps)
            names = listed(map(self.program.name_of, lost))
            get, they = ("get gradients", "them: they stay as they are") if len(lost) > 1 else ("gets gradients", "it: it stays as it is")
            self.found(f"{names} {get}, but no optimizer has {they}.", at)

    def attribute(self, module: Module, name: str) -> None:
        """Enter a finding about a tensor in a module that is no Parameter."""
        kind = type(module).__name__
        message = f"{kind}.{name} gets gradients and is no Parameter: {kind}.parameters() does not find it, and no optimizer has it."
        remedy = f"Make it one, self.{name} = nn.Parameter(...); then parameters(), to() and state_dict() find it."
        place = line_that_sets(type(module), name)
        if place is None:
            self.found(message, next(u.origin for u in self.program.updaters.values() if u.steps), remedy)
        else:
            self.findings.add(Finding(self.name, message, remedy, *place))

    def same_twice(self) -> tuple[Updater, Updater] | None:
        """Two optimizers of which the second has no parameter that the first has not."""
        seen: list[tuple[set[int], Updater]] = []
        for updater in self.program.updaters.values():
            mine = {id(p) for p in updater.parameters}
            for others, first in seen:
                if mine <= others:
                    return first, updater
            seen.append((mine, updater))
        return None


class NoGradient(ParametersHistory):
    """An optimizer's parameters never get a gradient."""

    name = "no-gradient"
    remedy = "Use the layer in forward(), or take it away; if its values are cut off from the graph there, let them keep their history."
    functions = ("detach", "numpy", "tolist", "item", "detach_")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.left: list[tuple[Node, str, Origin, Any]] = []  # values that left the graph since the last pass: the node, how, where
        self.cuts: dict[int, tuple[str, Origin, Any]] = {}  # by the leaf that is behind: how its values left the graph
        self.gone: list[tuple[str, Origin, Any]] = []  # cuts behind which nothing is left: of what, nobody knows
        self.fresh: dict[int, tuple[str, Origin, Any]] = {}  # those of the passes since the last step
        self.before: dict[tuple[int, int], tuple[str, Origin, Any]] = {}  # those of the passes before an optimizer's steps
        self.passes = 0
        self.ends: Origin | None = None  # of a pass that began at a leaf
        self.of_slopes = False  # losses are computed of gradients, which do not depend on the last bias

    def failed(self, error: Any) -> None:
        text = str(error)
        if isinstance(error, RuntimeError) and "does not require grad" in text and self.program.updaters:
            trace = error.__traceback__
            at = NOWHERE
            while trace is not None:
                if is_users(trace.tb_frame):
                    at = Origin(trace.tb_frame.f_code, trace.tb_lasti)
                trace = trace.tb_next
            why = text.partition("\n")[0].partition("grad_fn")[2].lstrip(": ")
            message = "Nothing that the loss was computed from needs a gradient" + (f": {why}." if why else ".")
            remedy = "Leave requires_grad set where parameters are to learn, and compute the loss without detach(), no_grad() or argmax()."
            self.found(message, at, remedy)

    def function(self, call: FunctionCall) -> None:
        tensor = call.argument(0, "self")
        if isinstance(tensor, Tensor):
            self.leave(tensor, f"{call.name}()")

    def cut(self, tensor: Tensor, what: str) -> None:
        if tensor._node.__class__ is not Leaf:
            self.leave(tensor, what)

    def leave(self, tensor: Tensor, what: str) -> None:
        """Note that a value was taken out of the graph, and in which line."""
        if self.passes < LOOKED and isinstance(tensor._node, Node) and len(self.left) < LOOKED**2:
            self.left.append((tensor._node, f"taken out of the graph by {what}", Origin.here(), here.get().scope))

    def backward(self, run: Pass) -> None:
        self.of_slopes = self.of_slopes or not run.accumulates
        if not run.accumulates or self.passes >= LOOKED:
            return
        self.passes += 1
        for tensor in run.tensors:
            if isinstance(tensor._node, Leaf) and all(tensor is not p for u in self.program.updaters.values() for p in u.parameters):
                self.ends = run.origin
            for cut in cuts_between(tensor._node) if tensor._node is not None else ():
                if not cut.behind and not cut.frozen:
                    self.gone.append((cut.reason, cut.origin, cut.scope))
                self.left += [(node, cut.reason, cut.origin, cut.scope) for node in cut.behind]
        left, self.left = self.left, []
        for node, how, *place in left:
            for leaf in ancestors(node):
                if isinstance(leaf, Leaf):
                    self.cuts.setdefault(id(leaf), (how, *place))
                    self.fresh.setdefault(id(leaf), (how, *place))

    def stepped(self, updater: Updater) -> None:
        for key, cut in self.fresh.items():
            self.before.setdefault((updater.number, key), cut)
        self.fresh = {}

    def finish(self) -> None:
        if not self.program.passes:
            return
        skipped = {id(p) for p in self.replaced()[0]}
        for updater in self.program.updaters.values():
            never = [p for p in updater.parameters if id(p) not in skipped and p.requires_grad and not self.is_reached(p)]
            never = [p for p in never if p.grad is None] if updater.steps else []
            if never and not (self.of_slopes and all(self.program.name_of(p).endswith("bias") for p in never)):
                self.tell(never, updater)

    def tell(self, never: list[Tensor], updater: Updater) -> None:
        """Enter a finding about parameters that never got a gradient."""
        them = "them" if len(never) > 1 else "it"
        message = f"{listed(map(self.program.name_of, never))} never got a gradient: no operation leads from {them} to the loss."
        at, scope = self.program.made_at(never[0]), None
        keys = [id(p._node) for p in never]
        known = [cut for key in keys if (cut := self.before.get((updater.number, key)) or self.cuts.get(key)) is not None]
        if self.ends is not None and not known:
            message += " A backward pass ends where it begins: its loss is a leaf, made anew or of what has none (argmax, comparisons)."
            remedy = "Call backward() on the loss as it was computed, of outputs that gradients go through; do not set requires_grad on it."
            return self.found(message, self.ends, remedy)
        if known:
            how, at, scope = known[0]
            message += f" What came of {them} was {how}."
        elif self.gone:
            how, at, scope = self.gone[0]
            message += f" On the way to the loss values were cut off: {how} (what was before is gone, so this may be it)."
        self.found(message, at if at.code is not None else updater.origin, CUT if known or self.gone else "", scope)


class Stillness:
    """Since which step no matrix of an optimizer has had a gradient other than zero, in most of the steps that were looked at."""

    def __init__(self) -> None:
        self.first = self.last = self.seen = self.zeros = 0
        self.over = 0  # steps without a gradient more than such as have one
        self.exact = True  # the step before the first was looked at

    def note(self, still: bool, step: int) -> None:
        """A step was looked at."""
        if not self.over:
            self.first, self.exact, self.seen, self.zeros = step, step == self.last + 1, 0, 0
        self.seen += 1
        self.zeros += still
        self.over = self.over + 1 if still else max(self.over - 1, 0)
        self.last = step

    @property
    def lasts(self) -> bool:
        """Whether it has lasted so long that it will hardly end any more."""
        return self.over >= STILL / 2 and (self.zeros >= STILL or self.last - self.first >= 2 * STILL)


class ZeroGradient(Check):
    """A parameter's gradient is nothing but zeros in every step, or those of all layers from some step on."""

    name = "gradient-zero"
    remedy = (
        "Look for what stops it: ReLUs that are never positive (a smaller learning rate, another initialization), clamped or masked"
        " values, a factor of zero. pedigrad.why(parameter, loss) tells where it becomes zero."
    )
    always = ("backward", "step")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.counts: dict[int, list[int]] = {}  # by parameter, in how many steps it had a gradient, and one of zeros
        self.tensors: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()
        self.solved = False  # the loss is zero
        self.reasons: dict[int, tuple[str, Origin, Any]] = {}  # by parameter: where its gradient becomes zero
        self.still: dict[int, Stillness] = {}  # by optimizer
        self.heard: dict[int, int] = {}  # by optimizer, how many steps had been told of: in sleep they are not counted

    def backward(self, run: Pass) -> None:
        self.solved = not any(any_in(t._array) for t in run.tensors)
        if not self.solved and run.accumulates and len(self.reasons) < LOOKED:
            for key, (seen, zeros) in self.counts.items():
                if seen == zeros == SEVERAL - 1 and key not in self.reasons and (p := self.tensors.get(key)) is not None:
                    self.look_for(p, run)
            for updater in self.program.updaters.values():
                if updater.number in self.still and self.still[updater.number].over == SEVERAL - 1:
                    p = next((p for p in updater.parameters if p.ndim > 1), None)
                    if p is not None and id(p) not in self.reasons:
                        self.look_for(p, run)

    def look_for(self, p: Tensor, run: Pass) -> None:
        """Note where the gradient of a parameter becomes zero on its way from a loss."""
        for loss in run.tensors:
            nodes = ancestors(loss._node) if loss._node is not None and loss._array.size == 1 else []
            if p._node is not None and any(node is p._node for node in nodes):
                answer = Reached(p, self.program.name_of(p), loss, "the loss", nodes).answer()
                if answer.kind == "zero" and answer.origin is not None:
                    self.reasons[id(p)] = (answer.text.splitlines()[1].strip(), answer.origin, answer.scope)
                    return

    def step(self, updater: Updater) -> None:
        if self.solved:
            return
        if next(matrices_of(updater), None) is not None:
            still = not any(map(has_gradient, matrices_of(updater)))
            self.still.setdefault(updater.number, Stillness()).note(still, updater.steps + 1)
        if not updater.sampled or self.heard.get(updater.number) == updater.heard:
            return
        self.heard[updater.number] = updater.heard
        for p in updater.parameters:
            array = gradient_of(p)
            if array is None or not array.size:
                continue
            if self.tensors.get(id(p)) is not p:
                self.tensors[id(p)] = p
                self.counts[id(p)] = [0, 0]
                self.reasons.pop(id(p), None)
            count = self.counts[id(p)]
            count[0] += 1
            count[1] += not any_in(array)

    def finish(self) -> None:
        if any(finding.check == "zeroed-before-step" for finding in self.findings.items):
            return  # that is why
        if not self.always_zero():
            for updater in self.program.updaters.values():
                if updater.number in self.still and self.still[updater.number].lasts:
                    self.tell_end(updater, self.still[updater.number])

    def tell_end(self, updater: Updater, still: Stillness) -> None:
        """Enter a finding about an optimizer whose parameters do not learn any more."""
        reasons = [self.reasons[id(p)] for p in updater.parameters if id(p) in self.reasons]
        why, at, scope = reasons[0] if reasons else ("", updater.last, None)
        names = listed(map(self.program.name_of, matrices_of(updater)))
        since = f"From step {still.first} on" + ("" if still.exact else ", or earlier,")
        count = f"each of {still.seen}" if still.zeros == still.seen else f"{still.zeros} of {still.seen}"
        message = f"{since} the gradients of {names} were all zeros, in {count} steps looked at"
        self.found(f"{message}, while the loss was not zero." + (f" {why}." if why else ""), at, scope=scope)

    def always_zero(self) -> bool:
        """Enter a finding about parameters whose gradients never were anything but zeros, and say whether there are some."""
        tensors = dict(self.tensors)
        dead = [tensors[key] for key, (seen, zero) in self.counts.items() if seen >= SEVERAL and zero == seen and key in tensors]
        if any(p.ndim > 1 for p in dead):  # a bias alone may well have none, as the last one of a critic whose outputs are subtracted
            names = listed(self.program.name_of(p) for p in dead)
            seen = self.counts[id(dead[0])][0]
            reasons = [self.reasons[id(p)] for p in dead if id(p) in self.reasons]
            why, at, scope = reasons[0] if reasons else ("", self.program.made_at(dead[0]), None)
            updater = next(iter(self.program.updaters.values()))
            message = f"The gradient of {names} was all zeros in each of {seen} steps looked at." + (f" {why}." if why else "")
            self.found(message, at if at.code else updater.origin, scope=scope)
            return True
        return False


def matrices_of(updater: Updater) -> Iterator[Tensor]:
    """The parameters of an optimizer that are no biases and have gradients."""
    return (p for p in updater.parameters if p.ndim > 1 and gradient_of(p) is not None)


class UnitsAlike(Check):
    """All units of a layer are the same and get the same gradient: they stay the same, as if there were one."""

    name = "units-alike"
    remedy = "Initialize weights by chance (nn.init.kaiming_uniform_, xavier_uniform_); only biases may all be alike."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.counts: weakref.WeakKeyDictionary[Leaf, list[int]] = weakref.WeakKeyDictionary()  # steps, and those in which they were alike

    def step(self, updater: Updater) -> None:
        if updater.heard > LOOKED:
            return
        for p in updater.parameters:
            leaf = p._node
            if p.ndim < 2 or p._array.shape[0] < 2 or not isinstance(leaf, Leaf) or (array := gradient_of(p)) is None:
                continue
            count = self.counts.setdefault(leaf, [0, 0])
            if count[0] == count[1] and any_in(array):
                count[0] += 1
                count[1] += rows_alike(p._array) and rows_alike(array) and any_in(p._array)

    def finish(self) -> None:
        alike = [p for leaf, (seen, same) in self.counts.items() if seen == same >= SEVERAL and (p := leaf.variable) is not None]
        if alike:
            names = listed(sorted(map(self.program.name_of, alike)))
            message = f"The {len(alike[0])} units of {names} have the same weights and get the same gradient: they stay alike."
            at = self.program.made_at(alike[0])
            self.found(message, at if at.code is not None else next(iter(self.program.updaters.values())).origin)


def rows_alike(array: Any) -> bool:
    """Whether all rows of an array are the same."""
    return bool((array[0] == array[1]).all()) and bool((array == array[:1]).all())
