"""The entries of the schedules' state dicts, in their order."""

from torch import nn, optim, zeros
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from torch.optim.swa_utils import SWALR

MADE = [
    lambda o: SequentialLR(o, [LinearLR(o, 0.01, 1, 3), CosineAnnealingLR(o, 8)], [3]),
    lambda o: ChainedScheduler([ConstantLR(o, 0.1, 3), ExponentialLR(o, 0.9)], optimizer=o),
    lambda o: CyclicLR(o, 0.1, 0.2),
    lambda o: CyclicLR(o, 0.1, 0.2, scale_fn=lambda x: 0.5**x),
    lambda o: OneCycleLR(o, 0.1, 10),
    lambda o: ReduceLROnPlateau(o),
    lambda o: CosineAnnealingWarmRestarts(o, 3),
    lambda o: LambdaLR(o, lambda epoch: 1.0),
    lambda o: MultiplicativeLR(o, lambda epoch: 1.0),
    lambda o: MultiStepLR(o, [2]),
    lambda o: StepLR(o, 2),
    lambda o: PolynomialLR(o),
    lambda o: SWALR(o, 0.1),
]
for make in MADE:
    optimizer = optim.SGD([nn.Parameter(zeros(1))], 0.1, momentum=0.9)
    schedule = make(optimizer)
    for _ in range(3):
        optimizer.step()
        schedule.step(*[1.0] * isinstance(schedule, ReduceLROnPlateau))
    state = schedule.state_dict()
    print(type(schedule).__name__, state)
    other = make(optim.SGD([nn.Parameter(zeros(1))], 0.1, momentum=0.9))
    other.load_state_dict(dict(state))
    print(other.state_dict() == state)
