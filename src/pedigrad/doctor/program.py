"""What is known of the program that is watched: its models, optimizers, schedules, and how far it is."""

from __future__ import annotations

import functools
import gc
import itertools
import operator
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..core.graph import Leaf, write_to
from ..core.origin import NOWHERE, Origin, outside
from ..core.sparse import Sparse
from ..core.tensor import Tensor
from ..core.traces import parts_of, variables_of
from ..nn.dropout import _DropoutNd
from ..nn.module import Module
from ..nn.multihead import MultiheadAttention
from ..nn.normalization import _NormBase
from ..nn.recurrent import RNNBase
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

SAMPLE = 64  # elements that a fingerprint looks at
MOST = 64  # models, optimizers or schedules that are made before those that the program has let go of are forgotten


def tensors_in(value: Any, depth: int = 3) -> Iterator[Tensor]:
    """The tensors in nested arguments or results; not sparse ones, whose elements are not at hand."""
    if isinstance(value, Tensor):
        if not isinstance(value._held, Sparse):
            yield value
    elif value is None:
        return
    elif depth and isinstance(value, (list, tuple)):
        for each in value:
            yield from tensors_in(each, depth - 1)
    elif depth and isinstance(value, dict):
        for each in value.values():
            yield from tensors_in(each, depth - 1)


def gradient_of(p: Tensor) -> np.ndarray[Any, Any] | None:
    """The array of a parameter's gradient; None if there is none, or one that was zeroed since."""
    leaf = p._node
    if leaf.__class__ is not Leaf or leaf.zeroed or (gradient := leaf.grad) is None:  # type: ignore[union-attr]
        return None
    return elements_of(gradient)


def elements_of(gradient: Tensor) -> np.ndarray[Any, Any]:
    """The array of a gradient; of a sparse one the values that it keeps."""
    held = gradient._held
    return held.values if isinstance(held, Sparse) else gradient._array


def has_gradient(p: Tensor) -> bool:
    """Whether a parameter has a gradient that is not all zeros."""
    array = gradient_of(p)
    return array is not None and any_in(array)


def any_in(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array has an element that is not zero: most often the first is, or one of the first."""
    if not array.size:
        return False
    if array.item(0) != 0:
        return True
    if array.size > SAMPLE and array.flags.c_contiguous and np.count_nonzero(array.reshape(-1)[:SAMPLE]):
        return True
    return bool(np.count_nonzero(array))


def fingerprint(array: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    """What tells an array from others: its shape, and some of its elements, here and there: images have margins."""
    flat = array.reshape(-1) if array.flags.c_contiguous else array.ravel()
    return (array.shape, flat.tobytes() if flat.size <= SAMPLE else flat.take(here_and_there(flat.size)).tobytes())


@functools.lru_cache(maxsize=256)
def here_and_there(size: int) -> np.ndarray[Any, Any]:
    """Places of some elements of so many."""
    return np.random.Generator(np.random.PCG64(size)).integers(size, size=2 * SAMPLE)


def state_of(p: Tensor) -> tuple[Any, ...]:
    """What changes when a tensor is written to, in place or by `.data`."""
    write = write_to(p._array)
    return (id(p._array), 0 if write is None else write.count, fingerprint(p._array))


def made_here(made: Any) -> Origin:
    """The user's line that makes an object now: not the one in its class's own `__init__` that calls a base's."""
    frame = outside(sys._getframe(1))
    while frame is not None and frame.f_code.co_name == "__init__" and any(v is made for v in frame.f_locals.values()):
        frame = outside(frame.f_back)
    return NOWHERE if frame is None else Origin(frame.f_code, frame.f_lasti)


class Known:
    """What is known of one of the program's objects, which it keeps alive."""

    subject: ClassVar[str]  # the attribute that holds the object
    numbers = itertools.count()

    def __init__(self) -> None:
        self.number = next(Known.numbers)  # tells it from others, also from such as are forgotten

    def loosen(self) -> weakref.ref[Any]:
        """Keep the object alive no longer; returns where it is found while others do."""
        held = weakref.ref(getattr(self, self.subject))
        setattr(self, self.subject, None)
        return held

    def hold(self, subject: Any) -> None:
        """Keep it alive again."""
        setattr(self, self.subject, subject)


K = TypeVar("K", bound=Known)


class Model(Known):
    """A module that the user's program calls, with the names of what is in it."""

    subject = "module"

    def __init__(self, module: Module, name: str, origin: Origin):
        super().__init__()
        self.module, self.name, self.origin = module, name, origin
        self.kind = type(module).__name__
        self.calls = 0
        self.trained = False  # an optimizer has updated something of it
        self.modes: set[tuple[bool, bool]] = set()  # with gradients or without, in training mode or not: those it was called in

    @property
    def parameters(self) -> list[Tensor]:
        """Its parameters now."""
        return list(self.module.parameters())

    def active(self) -> list[str]:
        """The layers in it that act otherwise in training, and that are in training mode."""
        return self.moody(only_active=True) if has_moody(self.module) else []

    def moody(self, only_active: bool = False) -> list[str]:
        """The layers in it that act otherwise in training."""
        every = self.module.named_modules()
        return [kind_in(self, name, m) for name, m in every if is_moody(m) and (m.training or not only_active)]


def kind_in(model: Model, name: str, module: Module) -> str:
    """A layer's path and class."""
    return f"{model.name}.{name}".rstrip(".") + f" ({type(module).__name__})"


def has_moody(module: Module) -> bool:
    """Whether there is a layer in a module that acts otherwise in training."""
    return is_moody(module) or any(map(has_moody, filter(None, module._modules.values())))


def is_moody(module: Module) -> bool:
    """Whether a layer acts otherwise in training: dropout that drops something, also within a layer; a norm with running statistics."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    if isinstance(module, MultiheadAttention):
        return module.dropout > 0
    return isinstance(module, _NormBase) and module.track_running_stats


def is_compiled(value: Any, module: Module) -> bool:
    """Whether a variable's value is the compiled form of a module."""
    return isinstance(value, Module) and value is not module and value._modules.get("_orig_mod") is module


class Call:
    """A model's call by the user's program."""

    def __init__(self, model: Model, args: tuple[Any, ...], kwargs: dict[str, Any], origin: Origin, grad: bool):
        self.model, self.origin, self.grad = model, origin, grad
        self.args, self.kwargs = args, kwargs
        self.inputs = [*tensors_in(args), *tensors_in(kwargs)]
        self.training = model.module.training
        self.mark = self.given if self.inputs and not grad else None
        self.result: Any = None
        self.output: Tensor | None = None
        self.active: list[str] = []  # layers that acted as in training when it was measured
        self.measured = False  # a loss or a comparison was made of what came out
        self.read = False  # elements of something that was made of it were given to Python
        self.passed = False  # a backward pass came after it
        self._node: Any = None

    @functools.cached_property
    def given(self) -> tuple[Any, ...]:
        """What tells the first of its inputs from others, while it has them."""
        return fingerprint(self.inputs[0]._array)

    def end(self, result: Any) -> None:
        """The call has returned."""
        self.result = result
        self.output = result if isinstance(result, Tensor) else next(tensors_in(result), None)
        node = None if self.output is None else self.output._node
        self._node = None if node is None else weakref.ref(node)
        self.model.calls += 1

    @property
    def node(self) -> Any:
        """The history of what it returned, None if that is gone."""
        return None if self._node is None else self._node()

    @property
    def is_alive(self) -> bool:
        """Whether the history of what it returned is there, and no backward pass has come."""
        return not self.passed and self.node is not None

    @property
    def is_gone(self) -> bool:
        """Whether nothing has what it returned any more, and no backward pass has come: it was not for training."""
        return not self.passed and (self._node is None or self._node() is None)

    def let_go(self) -> None:
        """Keep none of the tensors."""
        self.args, self.kwargs, self.inputs, self.result, self.output = (), {}, [], None, None


class FunctionCall:
    """A call of a public function: its arguments, its result or the error that it raised."""

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any = None, error: Exception | None = None):
        self.name, self.args, self.kwargs = name, args, kwargs
        self.result, self.error = result, error

    def argument(self, at: int, name: str, default: Any = None) -> Any:
        """An argument by its place or its name."""
        return self.args[at] if len(self.args) > at else self.kwargs.get(name, default)


class Pass:
    """A backward pass: where it began, and which leaves it reached."""

    __slots__ = ("_origin", "accumulates", "error", "leaves", "number", "retains", "tensors")

    def __init__(self, tensors: Iterable[Tensor], number: int, accumulates: bool, retains: bool = False):
        self.tensors, self.number, self.accumulates = list(tensors), number, accumulates
        self.retains = retains  # what the graph saved stays
        self._origin: Origin | None = None
        self.leaves: set[Leaf] = set()
        self.error: Exception | None = None

    @property
    def origin(self) -> Origin:
        """The user's line that calls it, found when it is first asked for while the pass is running: that costs time."""
        if self._origin is None:
            self._origin = Origin.here()
        return self._origin


class Updater(Known):
    """An optimizer and what has become of it."""

    subject = "optimizer"

    def __init__(self, optimizer: Any, origin: Origin):
        super().__init__()
        self.optimizer, self.origin = optimizer, origin
        self.steps = 0
        self.heard = 0  # steps that were told of
        self.last = origin  # the user's line of its last step
        self.parameters: list[Tensor] = []  # what it updates
        self.owned: dict[int, Tensor] = {}  # the same by identity
        self.refresh()

    def loosen(self) -> weakref.ref[Any]:
        self.parameters, self.owned = [], {}
        return super().loosen()

    def hold(self, subject: Any) -> None:
        super().hold(subject)
        self.refresh()

    @property
    def sampled(self) -> bool:
        """Whether a step is one of those whose gradients are looked at: the first ones, and then some of those that are told of."""
        return self.heard <= 10 or self.heard % 4 == 0

    def refresh(self) -> None:
        """See what it updates now: groups may have been added, or parameters replaced in them."""
        now = [p for group in self.optimizer.param_groups for p in group["params"]]
        if len(now) != len(self.parameters) or not all(map(operator.is_, now, self.parameters)):
            self.parameters, self.owned = now, {id(p): p for p in now}

    @property
    def name(self) -> str:
        """Its class."""
        return type(self.optimizer).__name__


class Schedule(Known):
    """A schedule of learning rates."""

    subject = "scheduler"

    def __init__(self, scheduler: Any, origin: Origin):
        super().__init__()
        self.scheduler, self.origin = scheduler, origin
        self.steps = 0  # without the one that it takes when it is made


class Program:
    """What is known of the program."""

    def __init__(self, whole: bool):
        self.whole = whole  # it was watched from its beginning
        self.models: dict[int, Model] = {}
        self.updaters: dict[int, Updater] = {}
        self.schedules: dict[int, Schedule] = {}
        self.passes = 0
        self.steps = 0
        self.reached: weakref.WeakSet[Leaf] = weakref.WeakSet()  # leaves that backward passes came to
        self.made: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}  # where parameters were put into modules
        self.latest: deque[tuple[Leaf, Origin]] = deque(maxlen=MOST)  # the leaves of those that were put there last
        self.written: weakref.WeakSet[Leaf] = weakref.WeakSet()  # leaves that were written to by hand
        self.by_hand = False  # there were some
        self.calls: list[Call] = []  # the models' calls since the last backward pass
        self.last_call: Call | None = None
        self.sample: tuple[Model, tuple[Any, ...], dict[str, Any]] | None = None  # a call of the model that is called most, with gradients
        self.stepping = False  # an optimizer's step runs
        self.past: weakref.WeakSet[Leaf] = weakref.WeakSet()  # leaves that optimizers had which are forgotten
        self.spoilt = False  # a gradient was nan or infinite: losses that are so later follow from it
        self._names: dict[int, tuple[weakref.ref[Tensor], str]] = {}  # of leaves in no model, the user's variables
        self._has: dict[int, tuple[weakref.ref[Module], bool]] = {}
        self._limit = MOST
        self._loose: dict[int, tuple[Tensor, Any]] = {}  # leaves of the last pass that no optimizer has, and the state of their values

    def is_model(self, module: Module) -> bool:
        """Whether a module that the user calls is a model of its own: losses and activations have no parameters."""
        if not module._parameters and not module._modules:
            return False
        known = self._has.get(id(module))
        if known is None or not known[1] or known[0]() is not module:
            known = self._has[id(module)] = (weakref.ref(module), next(module.parameters(), None) is not None and not self.is_part(module))
        return known[1]

    def is_part(self, module: Module) -> bool:
        """Whether a module is within a model that is known: calling it by itself makes it no other model."""
        return any(each is module for model in self.models.values() for each in model.module.modules() if each is not model.module)

    def model(self, module: Module) -> Model:
        """The record of a module that the user's program calls."""
        found = self.models.get(id(module))
        if found is None:
            frame = outside(sys._getframe(1))
            name = next((n for n, value in variables_of(frame) if value is module or is_compiled(value, module)), type(module).__name__)
            found = self.enter(self.models, Model(module, name, Origin.here()))
        return found

    def keep_sample(self, model: Model, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep the arguments of a call, of one model only: they may have graphs behind them."""
        sample = self.sample
        if sample is None or sample[0] is model or model.calls >= sample[0].calls:
            self.sample = model, args, kwargs

    def updater(self, optimizer: Any) -> Updater:
        """The record of an optimizer."""
        found = self.updaters.get(id(optimizer))
        if found is None:
            found = self.enter(self.updaters, Updater(optimizer, made_here(optimizer)))
            self.learn_names(found.parameters)
        return found

    def schedule(self, scheduler: Any) -> Schedule:
        """The record of a schedule."""
        found = self.schedules.get(id(scheduler))
        if found is None:
            found = self.enter(self.schedules, Schedule(scheduler, made_here(scheduler)))
        return found

    def enter(self, book: dict[int, K], known: K) -> K:
        """Take in what is known of an object that was not known."""
        if len(book) >= self._limit:
            self.forget()
        book[id(getattr(known, known.subject))] = known
        return known

    def forget(self) -> None:
        """Forget what the program itself has let go of, but for the first of each kind: a search may make thousands of models."""
        books: tuple[dict[int, Any], ...] = (self.models, self.updaters, self.schedules)
        later = [(book, key, book.pop(key)) for book in books for key in list(book)[MOST // 2 :]]
        updated = [[p._node for p in known.parameters] if book is self.updaters else [] for book, _, known in later]
        held = [known.loosen() for _, _, known in later]
        if sum(each() is not None for each in held) > len(held) / 2:
            gc.collect()  # an optimizer and what refers to it may be a cycle
        for (book, key, known), each, leaves in zip(later, held, updated, strict=True):
            subject = each()
            if subject is not None:
                known.hold(subject)
                book[key] = known
            else:
                self.past.update(leaf for leaf in leaves if isinstance(leaf, Leaf))
                if book is self.models:
                    known.hold(Module())  # a check may have the record
        self._limit = max(map(len, books)) + MOST

    def let_go(self) -> None:
        """Keep of the program's objects only what the report says of them."""
        for book in (self.models, self.updaters, self.schedules):
            for known in book.values():  # type: ignore[attr-defined]
                known.loosen()
        for kept in (self.made, self.latest, self.calls, self._loose, self._has, self._names):
            kept.clear()  # type: ignore[attr-defined]
        self.last_call = self.sample = None

    def refresh(self) -> None:
        """See what the optimizers update now."""
        for updater in self.updaters.values():
            updater.refresh()

    def note_loose(self, leaves: Iterable[Leaf]) -> None:
        """Remember the values of leaves that no optimizer has."""
        owned = self.optimized()
        loose = [p for leaf in leaves if (p := leaf.variable) is not None and id(p) not in owned]
        known = self._loose.keys() if self.updaters else {id(p) for p in loose}
        self._loose = {id(p): (p, state_of(p) if id(p) in known else None) for p in loose}  # inputs are made anew each time
        again = [p for p, state in self._loose.values() if state is not None]
        if again:
            self.learn_names(again)

    def forget_loose(self) -> None:
        """Forget those values: whether they are changed will not be seen for a while."""
        self._loose = {}

    def learn_names(self, tensors: Iterable[Tensor]) -> None:
        """Remember what the user's frames call tensors, those that have no name yet."""
        new = {id(p): p for p in tensors if not self._knows(p)}
        frame = outside(sys._getframe(1)) if new else None
        while frame is not None and new:
            for name, value in variables_of(frame):
                for path, p in parts_of(name, value, Tensor):
                    if new.pop(id(p), None) is not None:
                        self._names[id(p)] = (weakref.ref(p), path)
            frame = outside(frame.f_back)
        self._names.update((id(p), (weakref.ref(p), "")) for p in new.values())

    def _knows(self, p: Tensor) -> bool:
        known = self._names.get(id(p))
        return known is not None and known[0]() is p

    def changed_by_hand(self) -> list[Tensor]:
        """The leaves of the last pass that no optimizer has and that have other values now."""
        return [p for p, state in self._loose.values() if state is not None and state_of(p) != state]

    def optimized(self) -> Mapping[int, Tensor]:
        """The tensors that optimizers update, by their identity."""
        if len(self.updaters) == 1 and not self.past:
            return next(iter(self.updaters.values())).owned
        past = {id(p): p for leaf in self.past if (p := leaf.variable) is not None}
        return past | {key: p for updater in self.updaters.values() for key, p in updater.owned.items()}

    def name_of(self, p: Tensor) -> str:
        """What the user calls a parameter: its path in a model, or its shape."""
        for model in self.models.values():
            for name, each in model.module.named_parameters(remove_duplicate=False):
                if each is p:
                    return f"{model.name}.{name}"
        known = self._names.get(id(p))
        if known is not None and known[0]() is p and known[1]:
            return known[1]
        return f"a parameter of shape {tuple(p.shape)}"

    def made_at(self, p: Tensor) -> Origin:
        """The user's line that put a parameter into a module, if it was seen."""
        tensor, origin = self.made.get(id(p), (None, NOWHERE))
        return origin if tensor is not None and tensor() is p else NOWHERE

    def put(self, p: Tensor, origin: Origin) -> None:
        """A parameter was put into a module."""
        self.made[id(p)] = (weakref.ref(p), origin)
        if isinstance(p._node, Leaf):
            self.latest.append((p._node, origin))

    def write(self, p: Tensor) -> None:
        """A leaf was written to by hand."""
        if isinstance(p._node, Leaf):
            self.written.add(p._node)
            self.by_hand = True


SCHEDULES = (LRScheduler, ReduceLROnPlateau)
