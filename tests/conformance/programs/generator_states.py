"""States of generators are tensors: they are cloned, compared, saved with checkpoints and given back."""

import io
import pickle

import torch

generator = torch.Generator().manual_seed(3)
state = generator.get_state()
print(type(state) is torch.Tensor, state.dtype, state.shape, state.sum() == torch.default_generator.get_state().sum())
first = torch.rand(3, generator=generator)
generator.set_state(state.clone())
print(torch.equal(first, torch.rand(3, generator=generator)), torch.equal(state, generator.get_state()))
file = io.BytesIO()
torch.save({"generator": generator.get_state(), "default": torch.get_rng_state(), "epoch": 1}, file)
file.seek(0)
loaded = torch.load(file)
other = torch.Generator()
other.set_state(loaded["generator"])
print(torch.equal(torch.randn(4, generator=other), torch.randn(4, generator=generator)), loaded["epoch"])
torch.set_rng_state(loaded["default"])
print(torch.equal(pickle.loads(pickle.dumps(state)), state), state[:8])
try:
    generator.set_state(torch.zeros(3))
except (TypeError, RuntimeError) as error:
    print(type(error).__name__)
