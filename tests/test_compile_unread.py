"""Attributes that the code of a compiled function does not read are not watched: what happens to them changes nothing."""

import functools
import operator

import numpy as np
import pytest
from compile_checks import Thing, holder, runs, same, tensor, watched

import pedigrad as torch
from pedigrad import nn

pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile")


last = 0


class Trainer:
    """A training program as many write it: what it keeps beside the model changes from call to call."""

    log = True

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Linear(3, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.9)
        self.epoch, self.losses, self.scale = 0, [], 1.0
        self.data, self.batches = np.zeros(1 << 17), iter([1, 2])  # neither can be watched

    def step(self, x):
        self.optimizer.zero_grad()
        loss = self.loss(x)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def loss(self, x):
        return (self.model(x) * self.scale).pow(2).mean()

    def fit(self, step, change=None):
        global last  # only this method has to do with it
        for self.epoch in range(12):
            if change is not None and self.epoch == 6:
                change(self)
            self.losses.append(step(tensor(4, 3, seed=self.epoch)))
            self.scheduler.step()
            last = self.epoch
        return self.losses


CHANGES = {
    "nothing": None,
    "scale": lambda t: setattr(t, "scale", 3.0),
    "model": lambda t: t.model.weight.data.mul_(2),
    "rate": lambda t: t.optimizer.param_groups[0].update(lr=0.5),
    "method": lambda t: setattr(t, "loss", lambda x: t.model(x).abs().sum()),
    "another model": lambda t: setattr(t, "model", nn.Linear(3, 1, bias=False)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_trainer(name):
    usual, ours = Trainer(), Trainer()
    compiled = torch.compile(ours.step)
    torch.manual_seed(1)
    expected = usual.fit(usual.step, CHANGES[name])
    torch.manual_seed(1)
    same(expected, ours.fit(compiled, CHANGES[name]))
    assert runs(compiled) >= 5


def test_a_module_with_a_history():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.seen, self.power = nn.Linear(3, 2), [], 2

        def forward(self, x):
            return self.layer(x) ** self.power

    net = Net()
    compiled = torch.compile(net)
    for i in range(10):
        if i == 6:
            net.power = 3
        same(net(tensor(4, 3)), compiled(tensor(4, 3)))
        net.seen.append(i)
    assert runs(compiled) >= 5


PARTS = "sc", "ale"  # nobody shall see the name in the code
WAYS = {
    "getattr": lambda t: getattr(t, "".join(PARTS)),
    "vars": lambda t: vars(t)["".join(PARTS)],
    "__dict__": lambda t: t.__dict__["".join(PARTS)],
    "attrgetter": lambda t, get=operator.attrgetter("scale"): get(t),
    "map": lambda t, get=getattr: next(iter(list(map(get, [t], ["".join(PARTS)])))),
    "partial": functools.partial(lambda t, get: get("".join(PARTS)), get=None),
    "format": lambda t: float(("{0." + "".join(PARTS) + "}").format(t)),
    "match": lambda t: matched(t),
}


def matched(thing):
    match thing:
        case Thing(scale=found):
            return found
    return 0.0


@pytest.mark.parametrize("name", WAYS)
def test_attributes_read_by_other_names(name):
    thing = holder(scale=2.0, unread=0)
    way = WAYS[name]
    if name == "partial":
        way = functools.partial(way, get=functools.partial(getattr, thing))

    def change():
        thing.scale += 1

    def forget():
        thing.unread += 1

    watched(lambda x: x * way(thing), forget, change, args=(tensor(3),))


def test_attributes_that_the_call_changes():
    thing = holder(count=0, unread=0)

    def counts(x):
        setattr(thing, "".join(("co", "unt")), thing.unread + 1)
        return x * 2

    compiled = torch.compile(counts)
    for i in range(8):
        thing.unread = i
        compiled(tensor(3))
        assert thing.count == i + 1


def test_an_attribute_that_hides_one_of_the_class():
    class Scaled:
        scale = 2.0

        def __init__(self):
            self.unread = 0

    thing = Scaled()

    def forget():
        thing.unread += 1

    watched(lambda x: x * thing.scale, forget, lambda: setattr(thing, "scale", 3.0), args=(tensor(3),))


def test_what_is_reached_on_a_second_way():
    inner = holder(scale=2.0)
    thing = holder(unread=inner, used=holder(inner=inner), more=0)

    def forget():
        thing.more += 1

    watched(lambda x: x * thing.used.inner.scale, forget, lambda: setattr(inner, "scale", 3.0), args=(tensor(3),))
    table = thing.__dict__
    watched(lambda x: x * table["more"], forget, args=(tensor(3),))
