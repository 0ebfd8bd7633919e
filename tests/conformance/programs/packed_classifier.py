"""A classifier of sequences of different lengths: packed into a bidirectional GRU and LSTM, the last states, masked mean."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence


class Classifier(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(12, 8, padding_idx=0)
        self.rnn = kind(8, 16, num_layers=2, bidirectional=True, batch_first=True, dropout=0.1)
        self.fc = nn.Linear(64, 2)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.embedding(ids), lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, hidden = self.rnn(packed)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        output, lengths = pad_packed_sequence(output, batch_first=True)
        mask = torch.arange(output.size(1))[None, :] < lengths[:, None]
        mean = (output * mask.unsqueeze(-1)).sum(1) / lengths.unsqueeze(1)
        return self.fc(torch.cat((hidden[-2], hidden[-1], mean), dim=1))


torch.manual_seed(0)
sequences = [torch.randint(1, 12, (int(n),)) for n in torch.randint(1, 10, (12,))]
labels = torch.tensor([int((s == 3).any()) for s in sequences])
ids, lengths = pad_sequence(sequences, batch_first=True), torch.tensor([len(s) for s in sequences])
for kind in (nn.GRU, nn.LSTM, nn.RNN):
    model = Classifier(kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(6):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(ids, lengths), labels)
        loss.backward()
        optimizer.step()
    print(kind.__name__, loss.item(), model.embedding.weight.grad[0].abs().sum().item())
packed = pack_sequence([s.float() for s in sequences[:4]], enforce_sorted=False)
print(packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices, packed.data)
print(pad_packed_sequence(packed, padding_value=-1.0, total_length=12))
