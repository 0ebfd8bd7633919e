"""A word-level language model, an LSTM or a Transformer, on Python's own documentation.

python word_language_model.py --model LSTM
python word_language_model.py --model Transformer
"""

import argparse
import collections
import math
import re
from pydoc_data.topics import topics

import torch
from torch import nn


class Corpus:
    """Words as numbers: one long sequence, divided into a part to train on and a part to validate on."""

    def __init__(self, count, least=3):
        text = " ".join(topics[name] for name in sorted(topics)).lower()
        words = re.findall(r"[a-z]+|[.,:()]", text)[:count]
        uses = collections.Counter(words)
        self.words = ["<unknown>", *sorted(word for word, n in uses.items() if n >= least)]
        index = {word: i for i, word in enumerate(self.words)}
        ids = torch.tensor([index.get(word, 0) for word in words])
        self.train, self.valid = ids[: -count // 10], ids[-count // 10 :]


class LSTMModel(nn.Module):
    def __init__(self, words, size, layers, dropout):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(words, size)
        self.rnn = nn.LSTM(size, size, layers, dropout=dropout)
        self.decoder = nn.Linear(size, words)
        self.decoder.weight = self.encoder.weight  # tied (Press and Wolf, 2016)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def init_state(self, batch):
        weight = next(self.parameters())
        shape = (self.rnn.num_layers, batch, self.rnn.hidden_size)
        return weight.new_zeros(shape), weight.new_zeros(shape)

    def forward(self, tokens, state):
        output, state = self.rnn(self.drop(self.encoder(tokens)), state)
        return self.decoder(self.drop(output)), state


class TransformerModel(nn.Module):
    def __init__(self, words, size, layers, dropout, heads=4, longest=512):
        super().__init__()
        self.size = size
        self.encoder = nn.Embedding(words, size)
        position = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, size, 2) * (-math.log(10000.0) / size))
        table = torch.zeros(longest, 1, size)
        table[:, 0, 0::2] = torch.sin(position * rate)
        table[:, 0, 1::2] = torch.cos(position * rate)
        self.register_buffer("positions", table)
        self.drop = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(size, heads, 2 * size, dropout)
        self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.decoder = nn.Linear(size, words)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def init_state(self, batch):
        return ()

    def forward(self, tokens, state):
        x = self.drop(self.encoder(tokens) * math.sqrt(self.size) + self.positions[: len(tokens)])
        mask = nn.Transformer.generate_square_subsequent_mask(len(tokens))
        return self.decoder(self.transformer(x, mask=mask, is_causal=True)), state


def batchify(ids, columns):
    """The sequence as `columns` parallel ones, each a column."""
    rows = len(ids) // columns
    return ids[: rows * columns].view(columns, rows).t().contiguous()


def batches(data, length):
    for i in range(0, len(data) - 1, length):
        n = min(length, len(data) - 1 - i)
        yield data[i : i + n], data[i + 1 : i + 1 + n].reshape(-1)


def run(model, data, length, criterion, optimizer=None, clip=1.0):
    """The mean loss over the data; with an optimizer, trained on the way."""
    model.train(optimizer is not None)
    state, total = model.init_state(data.shape[1]), 0.0
    with torch.set_grad_enabled(optimizer is not None):
        for tokens, targets in batches(data, length):
            state = tuple(part.detach() for part in state)
            output, state = model(tokens, state)
            loss = criterion(output.flatten(0, 1), targets)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
            total += loss.item() * len(tokens)
    return total / (len(data) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["LSTM", "Transformer"], default="LSTM")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--words", type=int, default=20000, help="words of the text")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--length", type=int, default=24, help="words that a gradient goes back")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    corpus = Corpus(args.words)
    kind = LSTMModel if args.model == "LSTM" else TransformerModel
    model = kind(len(corpus.words), args.size, args.layers, args.dropout)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3 if args.model == "LSTM" else 2e-3)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.25, patience=0)
    train, valid = batchify(corpus.train, args.batch_size), batchify(corpus.valid, 4)
    for epoch in range(1, args.epochs + 1):
        loss = run(model, train, args.length, criterion, optimizer)
        valid_loss = run(model, valid, args.length, criterion)
        scheduler.step(valid_loss)
        print(f"epoch {epoch}: loss {loss:.4f}, valid loss {valid_loss:.4f}, valid perplexity {math.exp(valid_loss):.2f}")


if __name__ == "__main__":
    main()
