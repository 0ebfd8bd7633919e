"""The observer: hears at the gates what a program does, keeps what is known of it, and tells the checks that listen.

Watching costs time, so it is done less and less closely (`Pace`): single operations are told of in a few steps only, since dispatch
takes its long way then; and some hundred passes after something new was seen most checks sleep through most of them.
"""

from __future__ import annotations

import sys
import weakref
from cmath import isfinite
from collections.abc import Callable, Iterable
from threading import get_ident
from types import FrameType
from typing import Any

import numpy as np

from ..core import lifted, meta, modes, watching
from ..core.graph import Leaf
from ..core.origin import Origin, caller, outside
from ..core.quiet import name_of
from ..core.sparse_tensor import elements_of
from .findings import EVENTS, Check
from .forwards import Forwards, forwarding
from .program import SCHEDULES, Call, FunctionCall, Pass, Program, tensors_in

FIRST, EVERY = 3, 64  # the passes before which operations are told of: the first few, and then one of so many
MANY = 256  # passes that the first few steps may have
BEFORE = 20_000  # operations before the first backward pass after which looking ends
MEASURED = 20  # calls without gradients that are looked at
WHOLE, AWAKE, ROUND = 32, 6, 128  # after so many passes the checks are awake in so many of a round of so many
DEEP, LONG = 512, 1024  # after so many passes sleep is deep, and a round so long
GLANCE = 16  # of so many passes in deep sleep it is seen for one which line calls it
FEW = 8192  # elements whose squares are summed: sums of more are not made in threads
LINES = 256  # lines that call models whose first calls are news
NEWS = 16  # models, their modes and optimizers that are news; after those only such as come from another line than all before
# What only those hear in sleep who `always` do, and in deep sleep who `ever` do.
IN_SLEEP = frozenset({"calling", "called", "backward", "backwarded", "step", "stepped"})
OPTIMIZERS = "pedigrad.optim."
WRITERS = ("pedigrad.nn.module", "pedigrad.ops.nn.loss")  # modules whose functions write to what they have made
_add = np.add.reduce
ndarray, vdot = np.ndarray, np.vdot


def has_unseen(values: Iterable[Any]) -> bool:
    """Whether there are tensors without memory, or within vmap or a derivative, among what a program gives: nobody may look at them."""
    if not lifted.alive and not meta.alive:
        return False
    return any(isinstance(t._held, lifted.Lifted) or meta.is_meta(t._held) for t in tensors_in(list(values)))


def is_own_write() -> bool:
    """Whether a loss or a layer of the library is writing, which may do so to values of its own."""
    frame: FrameType | None = sys._getframe(1)
    user = outside(frame)
    while frame is not None and frame is not user and not name_of(frame.f_globals).startswith(WRITERS):
        frame = frame.f_back
    return frame is not user


class Pace:
    """When what is told of: it costs time, so not everything always. Whatever is new in a program is looked at closely again."""

    def __init__(self) -> None:
        self.operations = 0
        self.measured = 0
        self.since = 0  # the passes there had been when something new was seen last
        self.step = 0  # and the steps
        self.places: set[tuple[Any, ...]] = set()  # lines that call backward(), make optimizers, call models
        self.calling: set[tuple[int, int]] = set()  # lines that call models, as a glance at a frame tells them

    def due(self, program: Program) -> bool:
        """Whether operations before the next backward pass are to be told of: in the first steps, each of which may have many passes."""
        passes = program.passes
        return passes - self.since < FIRST or self.begins(program) or (passes % EVERY == 2 and self.awake(program))

    def awake(self, program: Program) -> bool:
        """Whether all checks are to be told of the next pass and the step after it."""
        rest = program.passes % (LONG if self.is_deep(program) else ROUND)
        return rest < AWAKE or program.passes - self.since < WHOLE or self.begins(program)

    def is_deep(self, program: Program) -> bool:
        """Whether nothing new has been seen for so long that sleep is deep."""
        return program.passes - self.since >= DEEP

    def begins(self, program: Program) -> bool:
        """Whether it is one of the first steps, which may have many passes."""
        if not program.updaters or program.stepping:  # a line search tries many points
            return False
        return program.steps - self.step < FIRST and program.passes - self.since < MANY

    def due_in(self, call: Call, program: Program) -> bool:
        """Whether what follows a model's call is to be looked at: also where it may be measured, without a pass between two calls."""
        due = self.is_new("output", call.origin) or self.due(program)
        if call.grad and (due or all(other.model is not call.model for other in program.calls)):
            return due
        self.measured += 1
        return self.measured <= MEASURED

    def calls_first(self, frame: FrameType) -> bool:
        """Whether a frame is in a line that calls a model for the first time."""
        place = id(frame.f_code), frame.f_lasti
        if place in self.calling:
            return False
        self.calling.add(place)
        return len(self.calling) <= LINES

    def is_new(self, what: str, origin: Origin) -> bool:
        """Whether a line does this for the first time."""
        place = what, *origin.key
        if place in self.places:
            return False
        self.places.add(place)
        return True


class Observer(watching.Watcher):
    """The watcher of one session, for the thread that opened it."""

    def __init__(self, program: Program, checks: Iterable[Check]):
        self.program = program
        self.checks = list(checks)
        self.thread = get_ident()
        self.pace = Pace()
        self.faults: list[str] = []
        self.asleep = False  # most checks hear nothing of steps
        self.deep = False  # and hardly any does
        self.running: Pass | None = None
        self.forwards = Forwards(self.forwarded)
        self.lenders: dict[int, tuple[Any, Any]] = {}  # what `.data` returned, and whose it is, both weakly
        self.set_listeners()
        self.listeners = self.awake

    def set_listeners(self) -> None:
        """Find which method of which check is to be told of what: when all are awake, and in sleep."""
        self.awake: dict[str, tuple[Any, ...]] = {event: () for event in EVENTS}
        for check in self.checks:
            for event in check.listens():
                self.awake[event] = (*self.awake[event], getattr(check, event))
        self.set_drowsy()
        self.by_function: dict[str, tuple[Any, ...]] = {}
        for listener in self.awake["function"]:
            for name in listener.__self__.functions:
                self.by_function[name] = (*self.by_function.get(name, ()), listener)

    def set_drowsy(self) -> None:
        """Find which of them are told of what in sleep."""
        self.drowsy = self.awake | {event: tuple(m for m in self.awake[event] if event in m.__self__.always) for event in IN_SLEEP}
        self.deaf = self.awake | {event: tuple(m for m in self.awake[event] if event in m.__self__.ever) for event in IN_SLEEP}

    def tell(self, event: str, *what: Any) -> None:
        """Tell the checks that listen."""
        for listener in self.listeners[event]:
            try:
                listener(*what)
            except Exception as error:  # a fault of ours must not end the user's program; it is reported
                self.fault(listener, error)

    def tell_each(self, listeners: tuple[Any, ...], *what: Any) -> None:
        """Tell these checks."""
        for listener in listeners:
            try:
                listener(*what)
            except Exception as error:
                self.fault(listener, error)

    def fault(self, listener: Any, error: Exception) -> None:
        """A check has failed: it is told nothing more."""
        check = listener.__self__
        if check in self.checks:
            self.faults.append(f"the check {check.name} failed in {listener.__name__}(): {type(error).__name__}: {error}")
            self.checks.remove(check)
            self.set_listeners()
            self.listen()

    def look(self, on: bool) -> None:
        """Begin or end to be told of single operations."""
        if on != self.looking:
            self.looking = on
            modes.need_long_way(+1 if on else -1)
            self.tell("look", on)

    def elsewhere(self) -> bool:
        """Whether another thread than the session's runs, or a vmap does."""
        return get_ident() != self.thread or bool(modes.settings.batches)

    def news(self) -> None:
        """Something was seen that had not been there before: all checks are awake for a while."""
        self.pace.since, self.pace.step = self.program.passes, self.program.steps
        self.sleep()

    def let_go(self) -> None:
        """The session is over: keep nothing of the program."""
        self.forwards.give_back()
        self.checks.clear()
        self.set_listeners()
        self.listeners = self.awake
        self.lenders.clear()
        self.program.let_go()

    # The gates

    def operation(self, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        result = run()
        if self.running is None and not self.elsewhere():
            flat = tuple(operands[0]) if op.variadic else operands
            if has_unseen((*flat, result)):
                return result
            self.tell("operation", op, flat, result)
            self.pace.operations += 1
            if self.pace.operations > BEFORE and not self.program.passes:
                self.look(False)
        return result

    def function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        listeners = self.by_function.get(function.__name__)
        if not listeners or self.elsewhere() or has_unseen((args, kwargs)):
            return run(*args, **kwargs)
        if self.program.stepping and (frame := caller(1)) is not None and name_of(frame.f_globals).startswith(OPTIMIZERS):
            return run(*args, **kwargs)  # not the user's, as those in a closure are
        try:
            result = run(*args, **kwargs)
        except Exception as error:
            self.tell_each(listeners, FunctionCall(function.__name__, args, kwargs, error=error))
            raise
        if not self.asleep or not modes.grad_enabled():
            self.tell_each(listeners, FunctionCall(function.__name__, args, kwargs, result))
        return result

    def module(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        if not module._parameters and not module._modules:
            return run(*args, **kwargs)
        if self.running is not None or self.elsewhere() or not self.program.is_model(module):
            return run(*args, **kwargs)  # in a backward pass something is computed once more
        if has_unseen((args, kwargs)) or ((lifted.alive or meta.alive) and has_unseen(module.parameters())):
            return run(*args, **kwargs)
        grad = modes.grad_enabled()
        model = self.program.models.get(id(module))
        if model is None and (outer := forwarding(module)) is not None:
            self.forwards.take(outer)
            return run(*args, **kwargs)
        if model is None:
            model = self.program.model(module)
            if self.pace.is_new("call", model.origin) or len(self.program.models) <= NEWS:
                self.news()
        if (mode := (grad, module.training)) not in model.modes:
            if model.modes and (self.pace.is_new(f"call {mode}", model.origin) or len(self.program.models) <= NEWS):
                self.news()
            model.modes.add(mode)
        if grad and self.pace.calls_first(sys._getframe(2)) and self.asleep:
            self.news()
        table = self.listeners if grad else self.awake
        self.hearing = False
        try:
            if table is not self.awake and not table["called"]:
                return run(*args, **kwargs)
            call = Call(model, args, kwargs, Origin.here(), grad)
            self.look(self.pace.due_in(call, self.program))
            self.tell_each(table["calling"], call)
            self.program.last_call = call
            result = run(*args, **kwargs)
        finally:
            self.hearing = True
        call.end(result)
        self.tell_each(table["called"], call)
        if grad:
            self.program.keep_sample(model, args, kwargs)
            self.program.calls.append(call)
            del self.program.calls[:-64]
        call.let_go()
        return result

    def forwarded(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        """The forward of a module was called itself."""
        if not self.elsewhere():
            self.tell("forwarded", module)
        return self.module(module, args, kwargs, run)

    def backward(self, tensors: Any, run: Any, go: Callable[[], None]) -> None:
        if self.running is not None or self.elsewhere() or has_unseen(tensors):
            return go()
        program = self.program
        outer = Pass(tensors, program.passes, run.accumulate, run.freed is None)
        if (not self.deep or program.passes % GLANCE == 0) and self.pace.is_new("backward", outer.origin):
            self.news()
        if self.deep:
            return self.unheard(outer, go)
        if not self.asleep:
            program.refresh()
            self.updates_by_hand()
        self.running = outer
        self.tell("backward", outer)
        if looking := self.looking:
            self.look(False)  # the rules' own operations are not the user's
        try:
            go()
        except Exception as error:
            outer.error = error
            raise
        finally:
            self.running = None
            if outer.accumulates:
                program.passes += 1
                program.reached.update(outer.leaves)
            self.passed(outer, looking)

    def unheard(self, outer: Pass, go: Callable[[], None]) -> None:
        """A backward pass in deep sleep."""
        self.running = outer
        self.tell_each(self.deaf["backward"], outer)
        try:
            go()
        finally:
            self.running = None
            self.program.passes += outer.accumulates
            self.program.calls = []
            if self.pace.awake(self.program):
                self.sleep()

    def passed(self, outer: Pass, looking: bool) -> None:
        """A backward pass is over."""
        program = self.program
        if program.calls:
            for call in program.calls:
                call.passed = True
            program.calls = []
        if self.asleep and not self.pace.awake(program):
            self.tell("backwarded", outer)
            return self.sleep()
        if looking:
            self.look(True)
        if not self.asleep:
            program.note_loose(outer.leaves)
        self.tell("backwarded", outer)
        self.look(self.pace.due(program))
        self.sleep()

    def sleep(self) -> None:
        """Let the checks fall asleep or wake up, as the number of passes says."""
        asleep = not self.pace.awake(self.program)
        deep = asleep and self.pace.is_deep(self.program)
        if (asleep, deep) == (self.asleep, self.deep):
            return
        if asleep:
            self.look(False)
            self.tell("fall_asleep")
            self.program.forget_loose()
            self.set_drowsy()
        self.asleep, self.deep = asleep, deep
        self.listen()

    def listen(self) -> None:
        """Let those hear from now on who do so in this state."""
        self.listeners = self.deaf if self.deep else self.drowsy if self.asleep else self.awake

    def updates_by_hand(self) -> None:
        """Find the leaves without an optimizer that were written to since they got their gradients."""
        changed = self.program.changed_by_hand()
        if changed:
            for p in changed:
                self.program.write(p)
            self.tell("by_hand", changed)

    def gradients(self, node: Any, given: Any, gradients: Any) -> None:
        outer = self.running
        if outer is None or get_ident() != self.thread:
            return
        if not self.deep:
            outer.leaves.update(p for p, array in zip(node.parents, gradients, strict=False) if array is not None and p.__class__ is Leaf)
        for array in gradients:
            if array is None or array is given:
                continue
            if array.__class__ is ndarray and array.size < FEW and array.dtype.kind == "f":
                total = vdot(array, array)  # the cheapest look at few elements; squares that are too large are looked at again
            elif isinstance(array, lifted.Lifted):
                continue  # within vmap or a derivative
            else:
                array = elements_of(array)
                total = _add(array, None)
            if not isfinite(total) and not np.isfinite(array).all():
                self.tell("not_finite", node, given, outer)

    def optimizer_made(self, optimizer: Any) -> None:
        if get_ident() != self.thread:
            return
        updater = self.program.updater(optimizer)
        if self.pace.is_new("optimizer", updater.origin) or len(self.program.updaters) <= NEWS:
            self.news()

    def optimizer_steps(self, optimizer: Any, run: Callable[[], Any]) -> Any:
        program = self.program
        if program.stepping or self.elsewhere():
            return run()
        updater = program.updater(optimizer)
        if has_unseen(updater.parameters):
            return run()
        if not self.asleep:
            updater.last = Origin.here()
            updater.heard += 1
            updater.refresh()
        program.stepping = True
        if not self.deep:
            self.tell("step", updater)
        try:
            result = run()
        finally:
            program.stepping = False
        updater.steps += 1
        program.steps += 1
        if self.deep:
            return result
        for model in program.models.values() if not self.asleep else ():
            if not model.trained:
                owned = updater.owned
                model.trained = any(id(p) in owned for p in model.module.parameters())
        self.tell("stepped", updater)
        return result

    def scheduler_made(self, scheduler: Any) -> None:
        if not self.elsewhere():
            self.program.schedule(scheduler)

    def scheduler_steps(self, scheduler: Any) -> None:
        if self.elsewhere() or not isinstance(scheduler, SCHEDULES):
            return
        schedule = self.program.schedule(scheduler)
        if not getattr(scheduler, "_is_initial", False):
            self.tell("scheduled", schedule)
            schedule.steps += 1

    def batch(self, iterator: Any, data: Any) -> None:
        if not self.elsewhere() and not has_unseen((data,)):
            self.tell("batch", iterator, data)

    def loading(self, module: Any, state: Any, strict: bool) -> None:
        if not self.elsewhere() and not has_unseen((*module.parameters(), state)):
            self.tell("loading", module, state, strict)

    def clipping(self, what: str, parameters: list[Any], limit: float) -> None:
        if not self.asleep and not self.elsewhere() and not has_unseen(parameters):
            self.tell("clipping", what, parameters, limit)

    def scaling(self, scaler: Any) -> None:
        if not self.elsewhere():
            self.tell("scaling", scaler)

    def cut(self, tensor: Any, what: str) -> None:
        if not self.asleep and tensor._node is not None and not self.elsewhere() and not has_unseen((tensor,)):
            self.tell("cut", tensor, what)

    def lent(self, tensor: Any, data: Any) -> None:
        self.cut(tensor, ".data")
        self.lenders[id(data)] = (weakref.ref(data), weakref.ref(tensor))
        if len(self.lenders) > 4096:
            self.lenders = {key: pair for key, pair in self.lenders.items() if pair[0]() is not None}

    def unseen_write(self, tensor: Any, what: str) -> None:
        data, lender = self.lenders.get(id(tensor), (None, None))
        owner = lender() if data is not None and data() is tensor and lender is not None else None
        if owner is not None:
            self.program.write(owner)
        if not self.elsewhere() and not has_unseen((tensor,)) and not is_own_write():
            self.tell("unseen_write", tensor, what, owner)

    def registered(self, parameter: Any) -> None:
        self.program.put(parameter, Origin.here())
