"""Recurrent layers of random sizes and options, forward and backward: padded and packed sequences, given states, frozen parameters.

Against PyTorch, which gives the same initial weights for the same seed. Sizes lie on both sides of where native loops begin.
"""

from __future__ import annotations

from fuzz import against, programs

KNOWN = {"packed": "sequences of several lengths", "projected": "projected states"}
WIDTHS = (1, 3, 8, 16, 17, 33, 64, 100)


def compare(program: programs.Program) -> str | None:
    """How pedigrad differs from PyTorch."""
    return against.against_torch(program)


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    r = programs.source(seed, "recurrent")
    kind = r.choice(("LSTM", "GRU", "RNN"))
    dtype = r.choice(("float32", "float64"))
    inputs, width, layers, batch, length = r.randint(1, 20), r.choice(WIDTHS), r.randint(1, 3), r.randint(1, 40), r.randint(1, 12)
    options = {"bias": r.random() < 0.7, "bidirectional": r.random() < 0.5, "batch_first": r.random() < 0.4}
    state = width
    if kind == "LSTM" and r.random() < 0.2 and width > 1 and "projected" not in avoid:
        state = options["proj_size"] = r.randint(1, width - 1)
    if kind == "RNN" and r.random() < 0.5:
        options["nonlinearity"] = "relu"
    words = ", ".join(f"{name}={value!r}" for name, value in options.items())
    lines = [
        f"torch.manual_seed({seed % 1000})",
        f"net = nn.{kind}({inputs}, {width}, {layers}, {words}).to(torch.{dtype})",
        f"x = torch.randn({length}, {batch}, {inputs}, dtype=torch.{dtype})" + (".transpose(0, 1)" if options["batch_first"] else ""),
        "x.requires_grad_()",
    ]
    frozen = [i for i in range(4) if r.random() < 0.15]
    lines += [f"list(net.parameters())[{i}].requires_grad_(False)" for i in frozen if i < (4 if options["bias"] else 2)]
    states = []
    if r.random() < 0.5:
        count = layers * (2 if options["bidirectional"] else 1)
        states = ["h0", "c0"] if kind == "LSTM" else ["h0"]
        sizes = (state, width)
        lines += [
            f"{name} = torch.randn({count}, {batch}, {n}, dtype=torch.{dtype}).requires_grad_()"
            for name, n in zip(states, sizes, strict=False)
        ]
    given = "x"
    if r.random() < 0.4 and "packed" not in avoid:
        lengths = sorted((r.randint(1, length) for _ in range(batch)), reverse=True)
        given = f"nn.utils.rnn.pack_padded_sequence(x, {lengths}, batch_first={options['batch_first']})"
    more = "" if not states else ", (h0, c0)" if kind == "LSTM" else ", h0"
    lines.append(f"out, last = net({given}{more})")
    lines.append(
        "out, last = (out if given is x else out.data), last if type(last) is tuple else (last,)".replace("given is x", str(given == "x"))
    )
    used = r.choice(("[out]", "list(last)", "[out, *last]"))
    lines.append(f"sum((t * torch.linspace(-1, 2, t.numel(), dtype=t.dtype).view(t.shape)).sum() for t in {used}).backward()")
    lines.append("grads = [p.grad for p in (x, *net.parameters())]")
    observed = ["out", "last", "grads", *states]
    return programs.Program(tuple(lines), tuple(observed))
