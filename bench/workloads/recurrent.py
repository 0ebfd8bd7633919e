"""Sequences by recurrent layers and by convolutions along time."""

from .parts import initialise, integers, normal, training
from .registry import workload


@workload(steps=5, unseen=3 * 2 * 32 * 64 * 4 * 256 * (128 + 256), small={"batch": 2, "length": 6})
def char_lstm(torch, batch=32, length=64):
    """Characters of a vocabulary of 128, LSTM of 256, 64 steps, batch 32, Adam with clipped gradients."""
    nn = torch.nn

    class CharLSTM(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(128, 128)
            self.lstm = nn.LSTM(128, 256, batch_first=True)
            self.head = nn.Linear(256, 128)

        def forward(self, tokens):
            hidden, _ = self.lstm(self.embedding(tokens))
            return self.head(hidden)

    model = initialise(torch, CharLSTM())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    text = integers(torch, 1, 128, batch, length + 1)
    tokens, target = text[:, :-1], text[:, 1:].reshape(-1)

    def step():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens).reshape(-1, 128), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


@workload(steps=5, small={"batch": 2, "source": 4, "target": 3})
def gru_attention(torch, batch=32, source=24, target=16):
    """A GRU encoder of 24 words and a GRU decoder of 16 that attends to them at each step, width 128, batch 32, Adam."""
    nn = torch.nn
    words, width = 500, 128

    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed_source, self.embed_target = nn.Embedding(words, width), nn.Embedding(words, width)
            self.encoder = nn.GRU(width, width, batch_first=True)
            self.cell = nn.GRUCell(2 * width, width)
            self.query, self.key, self.score = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)
            self.head = nn.Linear(width, words)

        def forward(self, text, answer):
            memory, last = self.encoder(self.embed_source(text))
            keys, hidden, outputs = self.key(memory), last[0], []
            for word in self.embed_target(answer).unbind(1):
                scores = self.score(torch.tanh(self.query(hidden)[:, None] + keys))
                context = (torch.softmax(scores, dim=1) * memory).sum(1)
                hidden = self.cell(torch.cat([word, context], dim=1), hidden)
                outputs.append(hidden)
            return self.head(torch.stack(outputs, dim=1))

    model = initialise(torch, Translator())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    text, answer = integers(torch, 1, words, batch, source), integers(torch, 2, words, batch, target + 1)

    def loss():
        return nn.functional.cross_entropy(model(text, answer[:, :-1]).reshape(-1, words), answer[:, 1:].reshape(-1))

    return training(optimizer, loss)


@workload(steps=5, small={"batch": 2, "length": 80})
def tcn(torch, batch=16, length=256):
    """A temporal convolutional network of width 32, dilations 1 to 32, on 256 steps, weight norm, batch 16, Adam."""
    nn = torch.nn
    weight_norm, width = nn.utils.parametrizations.weight_norm, 32

    class Block(nn.Module):
        def __init__(self, inputs, dilation):
            super().__init__()
            self.past = 2 * dilation
            self.conv1 = weight_norm(nn.Conv1d(inputs, width, 3, dilation=dilation))
            self.conv2 = weight_norm(nn.Conv1d(width, width, 3, dilation=dilation))
            self.shortcut = nn.Identity() if inputs == width else nn.Conv1d(inputs, width, 1)

        def forward(self, x):
            y = torch.relu(self.conv1(nn.functional.pad(x, (self.past, 0))))
            y = torch.relu(self.conv2(nn.functional.pad(y, (self.past, 0))))
            return torch.relu(y + self.shortcut(x))

    layers = [Block(8 if dilation == 1 else width, dilation) for dilation in (1, 2, 4, 8, 16, 32)]
    model = initialise(torch, nn.Sequential(*layers, nn.Conv1d(width, 8, 1)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    series = normal(torch, 1, batch, 8, length + 1)
    return training(optimizer, lambda: nn.functional.mse_loss(model(series[:, :, :-1]), series[:, :, 1:]))
