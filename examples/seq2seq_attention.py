"""Sequence to sequence with attention (Bahdanau, Cho and Bengio, 2014): dates as people write them into ISO dates.

"3 Mar 1987", "march 3, 1987", "03/03/1987"  ->  "1987-03-03"
"""

import argparse
import datetime
import random

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

FORMATS = ["{d} {b} {y}", "{B} {d}, {y}", "{d:02}/{m:02}/{y}", "{b} {d} {y}", "{d} of {B} {y}"]
MONTHS = "january february march april may june july august september october november december".split()
PAD = "_"
SOURCE = [PAD, *sorted(set("0123456789 /,of" + "".join(MONTHS)))]
TARGET = "0123456789-"
START = len(TARGET)  # what the decoder is given before the first character


def dates(count, seed):
    """Pairs of a written date and its ISO form."""
    chance = random.Random(seed)
    pairs = []
    for _ in range(count):
        date = datetime.date.fromordinal(chance.randrange(693596, 767009))  # 1900 to 2100
        name = MONTHS[date.month - 1]
        written = chance.choice(FORMATS).format(d=date.day, m=date.month, y=date.year, b=name[:3], B=name)
        pairs.append((written, date.isoformat()))
    return pairs


def collate(pairs):
    sources = [torch.tensor([SOURCE.index(c) for c in written]) for written, _ in pairs]
    targets = torch.tensor([[START] + [TARGET.index(c) for c in iso] for _, iso in pairs])
    lengths = torch.tensor([len(s) for s in sources])
    return pad_sequence(sources, batch_first=True), lengths, targets


class Encoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(len(SOURCE), size, padding_idx=0)
        self.gru = nn.GRU(size, size, batch_first=True, bidirectional=True)
        self.merge = nn.Linear(2 * size, size)

    def forward(self, source, lengths):
        packed = pack_padded_sequence(self.embedding(source), lengths, batch_first=True, enforce_sorted=False)
        outputs, hidden = self.gru(packed)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True)
        return outputs, torch.tanh(self.merge(torch.cat([hidden[0], hidden[1]], dim=1)))


class Attention(nn.Module):
    """Weights of the source's places for a state of the decoder: v . tanh(W state + U output)."""

    def __init__(self, size):
        super().__init__()
        self.query, self.key = nn.Linear(size, size), nn.Linear(2 * size, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, state, outputs, padding):
        scores = self.score(torch.tanh(self.query(state).unsqueeze(1) + self.key(outputs))).squeeze(-1)
        weights = F.softmax(scores.masked_fill(padding, float("-inf")), dim=-1)
        return torch.bmm(weights.unsqueeze(1), outputs).squeeze(1), weights


class Decoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(len(TARGET) + 1, size)
        self.attention = Attention(size)
        self.cell = nn.GRUCell(3 * size, size)
        self.out = nn.Linear(size, len(TARGET))

    def forward(self, outputs, state, padding, length, targets=None):
        """Scores of each character; given the targets, each step is told the right one before it (teacher forcing)."""
        token = torch.full((len(outputs),), START)
        steps = []
        for i in range(length):
            context, _ = self.attention(state, outputs, padding)
            state = self.cell(torch.cat([self.embedding(token), context], dim=1), state)
            steps.append(self.out(state))
            token = targets[:, i] if targets is not None else steps[-1].argmax(dim=1)
        return torch.stack(steps, dim=1)


class Translator(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.encoder, self.decoder = Encoder(size), Decoder(size)

    def forward(self, source, lengths, length, targets=None):
        outputs, state = self.encoder(source, lengths)
        return self.decoder(outputs, state, source == 0, length, targets)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    loader = torch.utils.data.DataLoader(dates(2000, seed=1), batch_size=args.batch_size, shuffle=True, collate_fn=collate)
    source, lengths, targets = collate(dates(200, seed=2))
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for batch, batch_lengths, expected in loader:
            expected = expected[:, 1:]
            scores = model(batch, batch_lengths, expected.shape[1], expected)
            loss = F.cross_entropy(scores.transpose(1, 2), expected)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() / len(loader)
        model.eval()
        with torch.no_grad():
            guesses = model(source, lengths, 10).argmax(dim=-1)
        right = (guesses == targets[:, 1:]).all(dim=1).float().mean()
        print(f"epoch {epoch}: loss {total:.4f}, whole dates right {right:.3f}")
    for (written, iso), guess in zip(dates(200, seed=2)[:4], guesses.tolist(), strict=False):
        print(f"{written:>22} -> {''.join(TARGET[c] for c in guess)} ({iso})")


if __name__ == "__main__":
    main()
