"""Sobol sequences are PyTorch's, point by point."""

import pytest
from side_by_side import agree


def drawn(dimension, scramble, seed=7):
    def program(t, tell):
        engine = t.quasirandom.SobolEngine(dimension, scramble, seed)
        tell(str(engine), engine.sobolstate, engine.shift, engine.draw(), engine.draw(6), engine.draw(3, dtype=t.float64))
        tell(engine.num_generated, engine.quasi.clone())
        tell(engine.fast_forward(5).draw(2), engine.reset().draw(5))
        tell(engine.reset().fast_forward(4).draw(2), engine.reset().draw_base2(3), engine.draw_base2(3), engine.num_generated)
        out = t.empty(2, dimension)
        tell(engine.draw(2, out=out), out)

    return program


@pytest.mark.parametrize("scramble", [False, True])
@pytest.mark.parametrize("dimension", [1, 2, 7, 400])
def test_points_are_the_same(dimension, scramble):
    agree(drawn(dimension, scramble))


def test_wrong_sizes_are_refused():
    def program(t, tell):
        tell.error(t.quasirandom.SobolEngine, 0)
        tell.error(t.quasirandom.SobolEngine, t.quasirandom.SobolEngine.MAXDIM + 1)
        engine = t.quasirandom.SobolEngine(2)
        engine.draw(3)
        tell.error(engine.draw_base2, 2)

    agree(program)
