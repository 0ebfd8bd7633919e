"""Random programs of fixed seeds give what PyTorch gives; `scripts/fuzz` runs more of them."""

import pytest
from fuzz import complexes, data, distributions, eager, ops, programs, recurrent, sparse, transforms

OPS = frozenset(ops.OPEN)  # what is known to differ: generated programs leave it out. To be emptied.


def check(family, seeds, avoid):
    found = []
    for seed in seeds:
        program = family.generate(seed, avoid)
        difference = family.compare(program)
        if difference:
            small = programs.shrink(program, lambda p, d=difference: kind(family.compare(p)) == kind(d), 300)
            found.append(f"seed {seed}: {family.compare(small)}\n{small}")
    assert not found, "\n\n".join(found)


def kind(difference):
    return difference and programs.kind(difference)


@pytest.mark.parametrize("first", range(0, 2000, 100))
def test_eager_programs_agree(first):
    check(eager, range(first, first + 100), frozenset())


@pytest.mark.parametrize("first", range(0, 320, 40))
def test_single_operations_agree(first):
    check(ops, range(first, first + 40), OPS)


@pytest.mark.parametrize("first", range(0, 240, 60))
def test_loaders_agree(first):
    check(data, range(first, first + 60), frozenset())


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_programs_on_distributions_agree(first):
    check(distributions, range(first, first + 50), frozenset())


@pytest.mark.parametrize("first", range(0, 160, 40))
@pytest.mark.filterwarnings("ignore:vmap")
def test_nested_transforms_agree(first):
    check(transforms, range(first, first + 40), frozenset())


@pytest.mark.parametrize("first", range(0, 160, 40))
@pytest.mark.filterwarnings("ignore:vmap")
def test_programs_of_complex_numbers_agree(first):
    check(complexes, range(first, first + 40), frozenset())


@pytest.mark.parametrize("first", range(0, 240, 60))
def test_programs_on_sparse_matrices_agree(first):
    check(sparse, range(first, first + 60), frozenset())


@pytest.mark.parametrize("first", range(0, 120, 60))
def test_recurrent_layers_agree(first):
    check(recurrent, range(first, first + 60), frozenset())
