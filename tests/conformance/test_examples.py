"""The examples print the same with both libraries, and what one of them has saved the other goes on with."""

import pathlib
import shutil

import pytest
import torch
from printed import differing_lines, printed

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
RUNS = {
    "actor_critic": ["--steps 10 --log-every 2"],
    "bayesian_network": ["--steps 40 --log-every 10"],
    "char_gpt": ["--steps 12 --log-every 3 --sample 60"],
    "cnn": ["--epochs 1"],
    "contrastive": ["--epochs 1"],
    "dcgan": ["--epochs 1"],
    "diffusion": ["--steps 60 --log-every 20"],
    "hamiltonian": ["--steps 40 --log-every 10"],
    "maml": ["--steps 10 --log-every 5"],
    "neural_ode": ["--steps 10 --log-every 3", "--steps 10 --log-every 3 --direct"],
    "physics_informed": ["--steps 40 --lbfgs-steps 1 --log-every 10"],
    "reinforce": ["--steps 8 --log-every 2"],
    "seq2seq_attention": ["--epochs 1"],
    "time_series_lbfgs": ["--steps 1 --length 60 --future 20"],
    "vae": ["--epochs 2"],
    "vision_transformer": ["--epochs 2"],
    "wgan_gp": ["--steps 10 --log-every 3"],
    "word_language_model": ["--words 5000 --epochs 2", "--words 5000 --epochs 2 --model Transformer"],
}
ELSEWHERE = {"founding", "digits"}  # tests/test_examples.py; the first shows what is different on purpose
CHECKPOINTS = {"cnn": "--epochs", "char_gpt": "--log-every 1 --steps"}
TOLERANCE = 1e-4  # float32 has 7 digits; the few steps that are run lose two or three of them
RESUMED = {"cnn": 5e-3, "char_gpt": 1e-4}  # a maximum among equals falls otherwise, as in PyTorch without oneDNN; in float64 it does not


def test_no_example_is_left_out():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(RUNS) | ELSEWHERE


def example(library, name, arguments, folder, **environment):
    return printed(library, EXAMPLES / f"{name}.py", *arguments.split(), folder=folder, **environment)


@pytest.mark.parametrize("name, arguments", [(name, run) for name, runs in RUNS.items() for run in runs])
def test_an_example_prints_the_same(name, arguments, tmp_path):
    expected, got = (example(library, name, arguments, tmp_path) for library in ("torch", "pedigrad"))
    differing = differing_lines(expected, got, TOLERANCE)
    assert not differing, "\n".join(differing)


def compare(expected, got):
    """Assert that two checkpoints hold the same: texts and whole numbers equal, tensors near."""
    assert type(expected) is type(got)
    if isinstance(expected, dict):
        assert list(expected) == list(got)
        for key in expected:
            compare(expected[key], got[key])
    elif isinstance(expected, list):
        for theirs, ours in zip(expected, got, strict=True):
            compare(theirs, ours)
    elif isinstance(expected, torch.Tensor):
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-5)
    else:
        assert got == pytest.approx(expected) if isinstance(expected, float) else got == expected


@pytest.mark.parametrize("name, option", CHECKPOINTS.items())
def test_a_checkpoint_is_gone_on_with_by_the_other_library(name, option, tmp_path):
    whole = example("torch", name, f"{option} 2", tmp_path).splitlines()
    for library in ("torch", "pedigrad"):
        example(library, name, f"{option} 1 --checkpoint {library}.pt", tmp_path)
    compare(*(torch.load(tmp_path / f"{library}.pt") for library in ("torch", "pedigrad")))
    for first, then in (("pedigrad", "torch"), ("torch", "pedigrad"), ("pedigrad", "pedigrad")):
        shutil.copy(tmp_path / f"{first}.pt", tmp_path / "resumed.pt")
        resumed = example(then, name, f"{option} 2 --checkpoint resumed.pt --resume", tmp_path).splitlines()
        differing = differing_lines(whole[-1], resumed[-1], RESUMED[name])
        assert not differing, f"{first}, then {then}:\n" + "\n".join(differing)
