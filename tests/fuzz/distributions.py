"""Programs on distributions: expanded, made independent, transformed, mixed; draws, densities, gradients, moments, divergences.

Against PyTorch, in float64 and with one seed.
"""

from __future__ import annotations

import math
import random

from fuzz import against, programs

KNOWN = {
    "transforms": "TransformedDistribution",
    "mixtures": "MixtureSameFamily",
    "backward": "gradients",
    "divergences": "kl_divergence",
}

# Families: what each parameter is (r any number, + a positive one, p a probability, m one above 2.5), and what draws are.
# PyTorch's VonMises has Bessel functions in 7 digits, and its GeneralizedPareto does not take float64: these are left out.
REAL, POSITIVE, UNIT, OTHER = "real", "positive", "unit", "other"
FAMILIES = {
    "Normal": ("r+", REAL), "Laplace": ("r+", REAL), "Gumbel": ("r+", REAL), "LogNormal": ("r+", POSITIVE), "HalfNormal": ("+", POSITIVE),
    "Exponential": ("+", POSITIVE), "Gamma": ("m+", POSITIVE), "InverseGamma": ("m+", POSITIVE), "Weibull": ("++", POSITIVE),
    "Beta": ("++", UNIT), "Kumaraswamy": ("++", UNIT), "ContinuousBernoulli": ("p", UNIT), "Uniform": ("rm", REAL),
    "Cauchy": ("r+", OTHER), "Pareto": ("+m", OTHER), "StudentT": ("mr+", OTHER), "HalfCauchy": ("+", OTHER), "Chi2": ("m", OTHER),
    "FisherSnedecor": ("mm", OTHER), "Bernoulli": ("p", OTHER), "Geometric": ("p", OTHER),
    "Poisson": ("m", OTHER), "NegativeBinomial": ("mp", OTHER),
}  # fmt: skip
# Draws of these have exact gradients in PyTorch, too.
MOVED = "Normal Laplace Gumbel LogNormal HalfNormal Exponential Weibull Kumaraswamy Cauchy Pareto Uniform".split()
STEPS = {  # maps by what they are given, and what they make of it
    REAL: (
        ("ExpTransform()", POSITIVE), ("SigmoidTransform()", UNIT), ("SoftplusTransform()", POSITIVE), ("AffineTransform({r}, {t})", REAL),
    ),
    POSITIVE: (
        ("ExpTransform().inv", REAL), ("AffineTransform(0., {t})", POSITIVE), ("PowerTransform({t})", POSITIVE),
        ("SoftplusTransform().inv", REAL),
    ),
    UNIT: (("SigmoidTransform().inv", REAL), ("AffineTransform(1., -1.)", UNIT), ("ExpTransform().inv", OTHER)),
    OTHER: (("AffineTransform({r}, {t})", OTHER),),
}  # fmt: skip
LOOK = """def look(get):
    try:
        return get()
    except (NotImplementedError, ValueError) as error:
        return type(error).__name__"""


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    return Case(programs.source(seed, "distributions"), avoid).program()


def compare(program: programs.Program) -> str | None:
    """How a run here differs from one on PyTorch."""
    return against.against_torch(program)


class Case:
    """One program while it is written."""

    def __init__(self, r: random.Random, avoid: frozenset[str]):
        self.r, self.avoid = r, avoid
        self.statements = ["D = torch.distributions", LOOK]
        self.leaves: list[str] = []
        self.observed: list[str] = []

    def may(self, feature: str, share: float) -> bool:
        return feature not in self.avoid and self.r.random() < share

    def number(self, kind: str) -> float:
        low, high = {"r": (-1, 1), "+": (0.4, 1.8), "t": (0.4, 1.5), "p": (0.1, 0.9), "m": (2.6, 6)}[kind]
        return round(self.r.uniform(low, high), 2)

    def leaf(self, kind: str, shape: tuple[int, ...]) -> str:
        """The name of a new parameter, whose shape broadcasts to this one."""
        shape = tuple(1 if self.r.random() < 0.15 else n for n in shape)[self.r.choice((0, 0, 0, len(shape))) :]
        name = f"p{len(self.leaves)}"
        numbers = [self.number(kind) for _ in range(math.prod(shape))]
        self.statements.append(f"{name} = torch.tensor({numbers}, dtype=torch.float64).reshape({shape}).requires_grad_()")
        self.leaves.append(name)
        return name

    def program(self) -> programs.Program:
        r = self.r
        family = r.choice(list(FAMILIES))
        batch = r.choice(((), (2,), (3,), (2, 3), (3, 2)))
        d, support = self.base(family, batch)
        if len(batch) and self.may("mixtures", 0.25):
            d, batch = self.mixture(d, batch), batch[:-1]
            support = None
        events = 0
        for _ in range(r.choice((0, 1, 2, 3))):
            d, batch, events, support = self.step(d, batch, events, support)
        self.use(d, family, support)
        if self.may("divergences", 0.4):
            self.divergence(family)
        return programs.Program(tuple(self.statements), tuple(self.observed))

    def base(self, family: str, batch: tuple[int, ...]) -> tuple[str, str | None]:
        kinds, support = FAMILIES[family]
        first = self.leaf(kinds[0], batch)
        self.statements[-1] = self.statements[-1].replace(".requires_grad_()", f".expand({batch}).clone().requires_grad_()")
        parameters = [first, *(self.leaf(kind, batch) for kind in kinds[1:])]
        self.statements.append(f"d = D.{family}({', '.join(parameters)})")
        return "d", support

    def mixture(self, d: str, batch: tuple[int, ...]) -> str:
        weights = self.leaf("r", batch)
        self.statements[-1] = self.statements[-1].replace(".requires_grad_()", f".expand({batch}).clone().requires_grad_()")
        self.statements.append(f"{d} = D.MixtureSameFamily(D.Categorical(logits={weights}), {d})")
        return d

    def step(self, d: str, batch: tuple[int, ...], events: int, support: str | None):
        what = self.r.choice(("expand", "independent", "transform", "transform"))
        if what == "expand" and len(batch) < 3:
            batch = (self.r.choice((1, 2)), *batch)
            self.statements.append(f"{d} = {d}.expand({batch})")
        elif what == "independent" and batch:
            count = self.r.randint(1, len(batch))
            self.statements.append(f"{d} = D.Independent({d}, {count})")
            batch, events = batch[: len(batch) - count], events + count
        elif what == "transform" and support is not None and "transforms" not in self.avoid:
            maps = []
            for _ in range(self.r.choice((1, 1, 2))):
                text, support = self.r.choice(STEPS[support])
                maps.append("D." + text.format(r=self.number("r"), t=self.number("t")))
            self.statements.append(f"{d} = D.TransformedDistribution({d}, [{', '.join(maps)}])")
        return d, batch, events, support

    def use(self, d: str, family: str, support: str | None) -> None:
        r = self.r
        self.statements += [
            f"shapes = [tuple({d}.batch_shape), tuple({d}.event_shape), {d}.has_rsample, type({d}.support).__name__]",
            f"torch.manual_seed({r.randint(0, 99)})",
            f"x = {d}.sample({r.choice(((), (2,), (2, 2)))})",
            f"log_prob = {d}.log_prob(x)",
            f"moments = [look(lambda n=n: getattr({d}, n)) for n in ('mean', 'variance', 'stddev')]",
            f"entropy = look({d}.entropy)",
            f"cdf = look(lambda: {d}.cdf(x))",
        ]
        self.observed += ["shapes", "x", "log_prob", "moments", "entropy", "cdf"]
        total = "log_prob.sum()"
        if family in MOVED and r.random() < 0.6 and "mix" not in " ".join(self.statements).lower():
            self.statements.append(f"moved = {d}.rsample(({r.randint(1, 3)},))")
            self.observed.append("moved")
            total += " + moved.sin().sum()"
        if self.may("backward", 0.8):
            self.statements.append(f"({total}).backward()")
            self.observed += self.leaves

    def divergence(self, family: str) -> None:
        """Of two distributions of the family, or of two."""
        other = self.r.choice((family, family, *FAMILIES))
        names = []
        for each in (family, other):
            shape = self.r.choice(((), (3,)))
            parameters = ", ".join(f"torch.full({shape}, {self.number(kind)}, dtype=torch.float64)" for kind in FAMILIES[each][0])
            names.append(f"D.{each}({parameters}).expand((2, 3))")
        self.statements.append(f"kl = look(lambda: D.kl_divergence({names[0]}, {names[1]}))")
        self.observed.append("kl")
