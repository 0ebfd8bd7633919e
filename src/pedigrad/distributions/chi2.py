"""The chi-squared distribution."""

from ..core.tensor import Tensor
from ..ops.creation import tensor
from . import constraints
from .gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    """Sums of the squares of `df` standard normal numbers: the gamma distribution of concentration df / 2 and rate 1 / 2."""

    arg_constraints = {"df": constraints.positive}
    _parameters = {"concentration": 0, "rate": 0}

    def __init__(self, df, validate_args=None):
        super().__init__(0.5 * (df if isinstance(df, Tensor) else tensor(float(df))), 0.5, validate_args=validate_args)

    @property
    def df(self):
        """The degrees of freedom."""
        return self.concentration * 2
