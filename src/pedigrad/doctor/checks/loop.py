"""The training loop: the order and the presence of `zero_grad`, `backward`, `step` and the schedule's step."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import inf, isfinite, isinf, log2, sqrt
from typing import Any

import numpy as np

from ...core.graph import Leaf
from ...core.origin import NOWHERE, Origin
from ...core.tensor import Tensor
from ..findings import Check, listed
from ..program import Pass, Schedule, Updater, any_in, elements_of, fingerprint, gradient_of, has_gradient, state_of

FEW = 2  # parameters whose values are looked at
SEVERAL = 3  # times that something has to happen before it is no accident
MANY = 8  # optimizers of the same parameters that are made in one line
RARE = 4  # steps that an optimizer takes for each of a schedule that counts them
NOTHING = 1e-6  # a rate is next to 0 below so much of the highest


@dataclass
class Accumulated:
    """Gradients that were added to old ones: what is said of it and where, whose they are, and how many steps they are not zeroed."""

    message: str
    at: Origin
    of: set[int]
    steps: int  # that their optimizer has taken
    last: int = 0  # those it had taken when they were zeroed last
    between: int | None = None  # the fewest from one zeroing to the next

    def zeroed(self) -> None:
        """They have been zeroed since the last step."""
        between, self.last = self.steps - self.last, self.steps
        self.between = between if self.between is None else min(between, self.between)


class GradientsAccumulate(Check):
    """Gradients are added to those of a step before: `zero_grad` is missing."""

    name = "gradients-accumulate"
    remedy = "Zero the gradients in each step, before loss.backward(): optimizer.zero_grad(), or w.grad = None where you update by hand."
    always = ("backward", "backwarded", "step", "stepped")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.used: dict[int, Tensor] = {}  # parameters that a step has updated and whose gradient nobody has zeroed, if they had one
        self.stale: dict[int, Origin] = {}  # those of them to which a pass has added, and where
        self.times: dict[int, int] = {}  # by optimizer, steps with such gradients
        self.seen: dict[int, Accumulated] = {}  # by optimizer
        self.updates = 0  # by hand

    def fall_asleep(self) -> None:
        self.used, self.stale = {}, {}

    def backward(self, run: Pass) -> None:
        used, self.used = self.used, {key: p for key, p in self.used.items() if has_gradient(p)}
        for seen in self.seen.values() if len(self.used) < len(used) else ():
            if not seen.of.isdisjoint(used.keys() - self.used.keys()):
                seen.zeroed()
        if self.stale:
            self.stale = {key: origin for key, origin in self.stale.items() if key in self.used}

    def backwarded(self, run: Pass) -> None:
        if run.accumulates and self.used:
            for leaf in run.leaves:
                p = leaf.variable
                if p is not None and id(p) in self.used:
                    self.stale[id(p)] = run.origin

    def step(self, updater: Updater) -> None:
        if self.stale:
            self.judge(updater.owned, updater.number, f"{updater.name}.step()", updater.steps)

    def stepped(self, updater: Updater) -> None:
        self.step(updater)  # of what its closure has done
        self.use(updater.owned)
        if (seen := self.seen.get(updater.number)) is not None:
            seen.steps = updater.steps

    def by_hand(self, parameters: list[Tensor]) -> None:
        updated = {id(p): p for p in parameters}
        self.updates += 1
        self.judge(updated, 0, "the update", self.updates)
        self.use(updated)
        if 0 in self.seen:
            self.seen[0].steps = self.updates

    def judge(self, parameters: dict[int, Tensor], key: int, what: str, steps: int) -> None:
        """Note that parameters that are about to be updated have old gradients in theirs, the second time that it happens."""
        late = [p for place, p in parameters.items() if place in self.stale and has_gradient(p)]
        places = [self.stale.pop(id(p)) for p in late]
        if late:
            self.times[key] = self.times.get(key, 0) + 1
            if self.times[key] == 2:
                names = listed(self.program.name_of(p) for p in late)
                message = f"The gradients of {names} were added to those that {what} had already used"
                self.seen[key] = Accumulated(message, places[0], {id(p) for p in late}, steps)

    def finish(self) -> None:
        for seen in self.seen.values():
            rest = "nothing zeroes them" if seen.between is None else f"they are zeroed only once in {seen.between} steps"
            self.found(f"{seen.message}: {rest}.", seen.at)

    def use(self, parameters: dict[int, Tensor]) -> None:
        """Parameters are updated."""
        self.used.update(parameters)
        if self.stale:
            self.stale = {key: origin for key, origin in self.stale.items() if key not in parameters}


class ZeroedBeforeStep(Check):
    """Gradients are zeroed between `backward` and `step`, which then has nothing to do."""

    name = "zeroed-before-step"
    remedy = "Call optimizer.zero_grad() before loss.backward() or after optimizer.step(), not between the two."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.reached: set[Leaf] = set()  # leaves that a gradient other than zero has reached since the last step
        self.times: dict[int, int] = {}

    def fall_asleep(self) -> None:
        self.reached.clear()

    def backwarded(self, run: Pass) -> None:
        if run.accumulates:
            self.reached.update(leaf for leaf in run.leaves if leaf.grad is not None and not leaf.zeroed and any_in(elements_of(leaf.grad)))

    def step(self, updater: Updater) -> None:
        due = [p for p in updater.parameters if p._node in self.reached]
        self.reached.difference_update(p._node for p in due)  # type: ignore[misc]
        if due and not any(has_gradient(p) for p in due):
            self.times[updater.number] = self.times.get(updater.number, 0) + 1
            if self.times[updater.number] == 2:
                message = f"{updater.name}.step() finds no gradients, although backward() had made some: they were zeroed in between."
                self.found(message)


class StepWithoutBackward(Check):
    """An optimizer takes steps although no backward pass has run since its last one, and its gradients are none or the old ones."""

    name = "step-without-backward"
    remedy = "Call loss.backward() before optimizer.step()."
    always = ("backwarded", "stepped")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.idle: dict[int, int] = {}
        self.passes = 0  # those of torch.autograd.grad() too: the program may set gradients itself
        self.then: dict[int, int] = {}  # by optimizer, how many there had been at its last step
        self.gradients: dict[int, list[Any]] = {}  # and the states of its gradients, where no pass had been heard that made them

    def fall_asleep(self) -> None:
        self.then.clear()
        self.gradients.clear()

    def backwarded(self, run: Pass) -> None:
        self.passes += 1

    def stepped(self, updater: Updater) -> None:
        before = self.then.get(updater.number, 0)
        self.then[updater.number] = self.passes
        if self.passes == before and updater.steps > 1 - (self.passes == 0) and self.has_no_new(updater):
            self.idle[updater.number] = self.idle.get(updater.number, 0) + 1
            if self.idle[updater.number] == 2:
                self.found(f"{updater.name}.step() is called, but no backward pass has run since its last step.", updater.last)

    def has_no_new(self, updater: Updater) -> bool:
        """Whether there are no gradients, or those of the last such step: compiled functions make some, and programs set them by hand."""
        now = [(id(array), fingerprint(array)) for p in updater.parameters if (array := gradient_of(p)) is not None]
        before, self.gradients[updater.number] = self.gradients.get(updater.number), now
        return not now or now == before


class SteppedTwice(Check):
    """Two optimizers that share parameters both take their step by the same gradients."""

    name = "stepped-twice"
    remedy = "Give each parameter to one optimizer only: what both of two losses are computed of learns by the sum of their gradients."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.taken: dict[int, tuple[Updater, Any]] = {}  # by parameter the step since the last pass: whose, and what there was after it
        self.before: dict[int, tuple[Tensor, Any]] = {}  # some parameters of the step that runs which others have too, and what there was
        self.times: dict[tuple[int, int], int] = {}

    def backwarded(self, run: Pass) -> None:
        self.taken, self.before = {}, {}

    def fall_asleep(self) -> None:
        self.taken, self.before = {}, {}

    def step(self, updater: Updater) -> None:
        self.before = {}
        if len(self.program.updaters) > 1 and self.program.passes and is_ours(updater):
            others = [u.owned for u in self.program.updaters.values() if u is not updater and u.owned.keys() != updater.owned.keys()]
            shared = (p for key, p in updater.owned.items() if any(key in owned for owned in others) and has_gradient(p))
            self.before = {id(p): (p, what_is(p)) for p in itertools.islice(shared, FEW)}

    def stepped(self, updater: Updater) -> None:
        before, self.before = self.before, {}
        for key, (p, then) in before.items():
            now = what_is(p)
            if now[0] == then[0] or now[1] != then[1]:
                continue  # it changed nothing, or the gradients
            first, after = self.taken.get(key, (updater, None))
            if first is not updater and after == then and first.owned.keys() != updater.owned.keys():
                self.count(first, updater, p)
                break
            self.taken[key] = updater, now

    def count(self, first: Updater, second: Updater, p: Tensor) -> None:
        """Two optimizers have updated a parameter by the same gradient."""
        pair = first.number, second.number
        self.times[pair] = self.times.get(pair, 0) + 1
        if self.times[pair] == SEVERAL:
            name = self.program.name_of(p)
            message = f"{second.name}.step() updates {name} by the gradient that {first.name}.step() of line {first.last.line} has used"
            self.found(f"{message}: both optimizers have it.", second.last)


def is_ours(updater: Updater) -> bool:
    """Whether an optimizer's class is no other than one of this library, of which it is known what its step does."""
    return type(updater.optimizer).__module__.startswith("pedigrad.")


def what_is(p: Tensor) -> tuple[Any, Any]:
    """What tells the state of a parameter's values and its gradient from others."""
    array = gradient_of(p)
    return state_of(p), None if array is None else (id(array), fingerprint(array))


class StepNeverCalled(Check):
    """Gradients are computed for an optimizer's parameters, and its step is never called."""

    name = "step-never-called"
    remedy = "Call optimizer.step() after loss.backward()."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.passes: dict[int, tuple[int, Origin]] = {}
        self.least = 2  # passes

    def failed(self, error: Any) -> None:
        self.least = 2 + SEVERAL  # it may not have come so far

    def backwarded(self, run: Pass) -> None:
        if run.accumulates:
            for updater in self.program.updaters.values():
                if not updater.steps and any(p._node in run.leaves for p in updater.parameters):
                    count, _ = self.passes.get(updater.number, (0, NOWHERE))
                    self.passes[updater.number] = count + 1, run.origin

    def finish(self) -> None:
        for updater in self.program.updaters.values():
            count, origin = self.passes.get(updater.number, (0, NOWHERE))
            shared = {id(p) for other in self.program.updaters.values() if other.steps for p in other.parameters}
            by_others = any(id(p) in shared or p._node in self.program.written for p in updater.parameters)
            if count >= self.least and not updater.steps and not by_others:
                message = f"{count} backward passes made gradients for the parameters of {updater.name}, whose step() was never called."
                self.found(message, origin)


class GradientsThrownAway(Check):
    """Gradients are zeroed before any optimizer has used them."""

    name = "backward-without-step"
    remedy = "Let optimizer.step() run after each backward pass, or leave zero_grad() out where gradients are to add up."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.last: Pass | None = None
        self.stepped_since = False
        self.wasted = 0
        self.heard = 0
        self.at = NOWHERE
        self.states: list[tuple[Tensor, Any]] = []  # the values of some parameters at the end of the last pass

    def fall_asleep(self) -> None:
        self.last = None

    def backward(self, run: Pass) -> None:
        if self.program.stepping:
            return  # a line search tries many points
        self.heard += 1
        last, self.last = self.last, None
        if last is None or self.stepped_since or (self.program.updaters and not self.program.steps):
            return
        owned = {id(p._node) for u in self.program.updaters.values() for p in u.parameters}
        known = owned | {id(p._node) for m in self.program.models.values() for p in m.parameters}
        if any(id(leaf) not in known for leaf in last.leaves):
            return  # gradients are wanted of something else
        if not owned and not self.program.by_hand:  # nothing is updated in any way
            owned = {id(p._node) for m in self.program.models.values() if m.module.training for p in m.parameters}
        mine = [leaf for leaf in last.leaves if id(leaf) in owned]
        if any(state_of(p) != state for p, state in self.states):
            return  # they were used by hand
        if mine and all(leaf.grad is None or leaf.zeroed or not any_in(elements_of(leaf.grad)) for leaf in mine):
            self.wasted += 1
            self.at = last.origin

    def backwarded(self, run: Pass) -> None:
        if run.accumulates and run.error is None and any(leaf.grad is not None and any_in(elements_of(leaf.grad)) for leaf in run.leaves):
            self.last, self.stepped_since = run, False
            some = [p for leaf in itertools.islice(run.leaves, FEW) if (p := leaf.variable) is not None]
            self.states = [(p, state_of(p)) for p in some]

    def stepped(self, updater: Updater) -> None:
        self.stepped_since = True

    def finish(self) -> None:
        if not self.program.updaters and not self.program.by_hand:
            if self.wasted > 2 * SEVERAL:
                message = f"The gradients of {self.wasted} of {self.heard} backward passes were zeroed, and no parameter has changed."
                remedy = "Let optimizer.step() run after each backward pass; by hand write in place, under no_grad: p -= lr * p.grad."
                self.found(message, self.at, remedy)
        elif self.wasted >= SEVERAL and self.wasted >= self.heard / 5:
            message = f"The gradients of {self.wasted} of {self.heard} backward passes were zeroed before a step used them."
            self.found(message, self.at)


class RateIsZero(Check):
    """A learning rate is 0, or next to it, in most steps."""

    name = "learning-rate-zero"
    remedy = "Give the group a learning rate, or look at what the schedule does: print(scheduler.get_last_lr())."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.zero: dict[tuple[int, int], int] = {}
        self.rates: dict[tuple[int, int], list[Any]] = {}  # by schedule and group the highest rate, steps, those at next to nothing of it
        self.heard: dict[int, int] = {}

    def step(self, updater: Updater) -> None:
        self.heard[updater.number] = self.heard.get(updater.number, 0) + 1
        for index, group in enumerate(updater.optimizer.param_groups):
            if not rate_of(group):
                self.zero[updater.number, index] = self.zero.get((updater.number, index), 0) + 1

    def scheduled(self, schedule: Schedule) -> None:
        for index, group in enumerate(schedule.scheduler.optimizer.param_groups):
            rate = rate_of(group)
            most, _, _ = entry = self.rates.setdefault((schedule.number, index), [rate, 0, 0])
            entry[0] = max(rate, most)
            entry[1] += 1
            entry[2] += rate <= NOTHING * most

    def finish(self) -> None:
        for updater in self.program.updaters.values():
            heard = self.heard.get(updater.number, 0)
            for index in range(len(updater.optimizer.param_groups)):
                count = self.zero.get((updater.number, index), 0)
                if count >= SEVERAL and count > heard / 2:
                    which = f" of group {index}" if len(updater.optimizer.param_groups) > 1 else ""
                    by = next((s for s in self.program.schedules.values() if s.scheduler.optimizer is updater.optimizer), None)
                    who = f", set by {type(by.scheduler).__name__}" if by is not None else ""
                    message = f"The learning rate{which} of {updater.name} was 0 in {count} of {heard} steps{who}: these change nothing."
                    self.found(message, by.origin if by is not None else updater.origin)
        for schedule in self.program.schedules.values():
            self.look_at(schedule)

    def look_at(self, schedule: Schedule) -> None:
        """Look whether a schedule has made the rate next to nothing for most of its steps."""
        for index in range(len(schedule.scheduler.optimizer.param_groups)):
            most, steps, few = self.rates.get((schedule.number, index), (0, 0, 0))
            if most and few >= SEVERAL and few > steps / 2:
                kind = type(schedule.scheduler).__name__
                message = f"In {few} of {steps} steps of {kind} the learning rate was less than a millionth of the highest, {most:.3g}."
                remedy = "Call scheduler.step() as often as its arguments count, once an epoch or once a batch, or let it fall more slowly."
                return self.found(message, schedule.origin, remedy)


def rate_of(group: dict[str, Any]) -> float:
    """The learning rate of a group of parameters, 1 where there is none."""
    rate = group.get("lr", 1)
    return float(rate._array.max()) if isinstance(rate, Tensor) else rate


class ScheduleBeforeOptimizer(Check):
    """A schedule takes a step before its optimizer: the first learning rate is skipped."""

    name = "scheduler-before-optimizer"
    remedy = "Call optimizer.step() first and scheduler.step() after it."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.early: dict[int, tuple[Schedule, Origin]] = {}

    def scheduled(self, schedule: Schedule) -> None:
        optimizer = schedule.scheduler.optimizer
        if not self.program.updater(optimizer).steps and not getattr(optimizer, "_opt_called", False):
            self.early.setdefault(schedule.number, (schedule, Origin.here()))

    def finish(self) -> None:
        for schedule, origin in self.early.values():
            if schedule.scheduler is not None and self.program.updater(schedule.scheduler.optimizer).steps:
                kind = type(schedule.scheduler).__name__
                self.found(f"{kind}.step() was called before the optimizer's first step: the first learning rate is skipped.", origin)


class ScheduleNeverSteps(Check):
    """A schedule of learning rates takes no step, or too few, or its optimizer is not the one that does."""

    name = "scheduler-never-steps"
    remedy = "Call scheduler.step() after each epoch (or each step, as the schedule counts)."

    def finish(self) -> None:
        used = {id(s) for each in self.program.schedules.values() for s in getattr(each.scheduler, "_schedulers", ())}
        for schedule in self.program.schedules.values():
            updater = self.program.updater(schedule.scheduler.optimizer)
            if not schedule.steps and updater.steps >= 5 and id(schedule.scheduler) not in used:
                message = (
                    f"{type(schedule.scheduler).__name__} never took a step, while its optimizer took {updater.steps}: the rate stays."
                )
                self.found(message, schedule.origin)
            elif schedule.steps and not updater.steps:
                self.look_for_other(schedule, updater)
            else:
                self.look_at_length(schedule, updater)

    def look_at_length(self, schedule: Schedule, updater: Updater) -> None:
        """Look whether a schedule that counts the optimizer's steps takes one an epoch."""
        wanted = getattr(schedule.scheduler, "total_steps", None)
        if isinstance(wanted, int) and schedule.steps * RARE < wanted <= updater.steps:
            kind = type(schedule.scheduler).__name__
            message = f"{kind} was made for {wanted} steps and took {schedule.steps}, while its optimizer took {updater.steps}."
            self.found(message, schedule.origin, "Call scheduler.step() after each optimizer.step(): this schedule counts batches.")

    def look_for_other(self, schedule: Schedule, updater: Updater) -> None:
        """Look whether another optimizer updates the parameters of one with a schedule that never took a step."""
        for other in self.program.updaters.values():
            if other.steps >= 5 and not other.owned.keys().isdisjoint(updater.owned):
                kind, line = type(schedule.scheduler).__name__, other.origin.line
                message = f"{kind} sets the rate of {updater.name}, which takes no step: {other.name} of line {line} has its parameters."
                return self.found(message, schedule.origin, "Make the schedule of the optimizer that is used, after that is made.")


class OptimizerAnew(Check):
    """An optimizer that has a memory (Adam's moments, momentum) is made anew for each step."""

    name = "optimizer-made-anew"
    remedy = "Make the optimizer once, before the loop: what it remembers of earlier steps is lost with it."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.loaded = 0

    def loading(self, module: Any, state: Any, strict: bool) -> None:
        self.loaded += 1

    def finish(self) -> None:
        made: dict[tuple[Any, ...], list[Updater]] = {}
        for updater in self.program.updaters.values():
            made.setdefault((*updater.origin.key, frozenset(updater.owned)), []).append(updater)
        for updaters in made.values():
            once = [u for u in updaters if u.steps == 1 and remembers(u.optimizer)]
            reset = self.loaded >= len(once) / 2  # each begins with the same values again
            if len(once) >= MANY and len(once) >= len(updaters) - 1 and not reset:
                updater = once[0]
                self.found(f"{updater.name} is made anew for each step, {len(once)} times for the same parameters.", updater.origin)


def remembers(optimizer: Any) -> bool:
    """Whether something of an optimizer's state depends on earlier steps; a line search's does not have to."""
    if type(optimizer).__name__ == "LBFGS":
        return False
    return any(isinstance(each, Tensor) and each.ndim for state in optimizer.state.values() for each in state.values())


class ClippedBeforeBackward(Check):
    """Gradients are clipped where there are none, or after the step that has used them."""

    name = "clipped-without-gradients"
    remedy = "Clip after loss.backward() and before optimizer.step()."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.times: dict[tuple[Any, ...], int] = {}  # by line; less than 0 where there were some to clip
        self.used: dict[int, Tensor] = {}  # parameters that a step has updated since the last backward pass

    def backwarded(self, run: Pass) -> None:
        self.used.clear()

    def fall_asleep(self) -> None:
        self.used.clear()

    def stepped(self, updater: Updater) -> None:
        self.used.update(updater.owned)

    def clipping(self, what: str, parameters: list[Tensor], limit: float) -> None:
        if not parameters or not self.program.passes or isinf(limit):  # the norm alone is wanted
            return
        here = Origin.here()
        line = here.key
        times = self.times.get(line, 0)
        late = all(id(p) in self.used for p in parameters)
        if times < 0 or (not late and any(map(has_gradient, parameters))):
            self.times[line] = -1
            return
        self.times[line] = times + 1
        if times + 1 == SEVERAL:
            why = "they were zeroed, and the backward pass is still to come"
            if late and any(map(has_gradient, parameters)):
                return self.found(f"{what}() comes after the step that has used the gradients: it changes nothing.", here)
            self.found(f"{what}() finds no gradients: {why}.", here)


class ClippedScaled(Check):
    """Gradients are clipped while they are scaled: what a `GradScaler` divides them by afterwards, the limit is divided by too."""

    name = "clipped-while-scaled"
    remedy = "Call scaler.unscale_(optimizer) before the clipping."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.clipped: tuple[list[Tensor], float, Origin] | None = None  # since the last step: what was, to which norm, where
        self.times = 0

    def clipping(self, what: str, parameters: list[Tensor], limit: float) -> None:
        if what == "clip_grad_norm_" and 0 < limit < inf and norm_of(parameters) > limit:
            self.clipped = parameters, limit, Origin.here()

    def fall_asleep(self) -> None:
        self.clipped = None

    def step(self, updater: Updater) -> None:
        if self.clipped is None:
            return
        (parameters, limit, origin), self.clipped = self.clipped, None
        norm = norm_of(parameters)
        scale = limit / norm if norm > 0 else 0.0
        power = log2(scale) if scale > 1 and isfinite(scale) else 0.0  # scales are powers of two
        self.times = self.times + 1 if power > 6 and abs(power - round(power)) < 1e-3 else 0
        if self.times == SEVERAL:
            message = f"clip_grad_norm_() has limited gradients to {limit:.3g} that were scaled by {scale:.0f}:"
            self.found(f"{message} unscaled, in the step, their norm is {norm:.2g}.", origin)


def norm_of(parameters: list[Tensor]) -> float:
    """The norm of the gradients of some parameters."""
    arrays = [array for p in parameters if isinstance(array := gradient_of(p), np.ndarray)]
    return sqrt(sum(float(np.vdot(a, a).real) for a in (a.astype(np.float64) for a in arrays)))


class GraphReused(Check):
    """A backward pass goes into a graph that an earlier one has used up."""

    name = "graph-used-twice"
    remedy = (
        "detach() what is carried from one step to the next (hidden states, running sums), or compute the loss anew for each backward pass."
    )

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.steps = -1  # that had been taken at the last pass

    def backwarded(self, run: Pass) -> None:
        steps, self.steps = self.steps, self.program.steps
        if isinstance(run.error, RuntimeError) and "a second time" in str(run.error):
            if steps == self.program.steps:
                message = "The backward pass goes into the graph that the one before it, in the same step, has used up."
                remedy = "Add the losses and call backward() once, (loss1 + loss2).backward(); or give the first call retain_graph=True."
                self.found(message, run.origin, remedy)
            else:
                self.found("The backward pass goes on into the graph of an earlier step, whose saved values are gone.", run.origin)
