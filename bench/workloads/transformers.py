"""Transformers."""

from .parts import classifier, initialise, integers, normal, training
from .registry import workload


def attention_flops(layers, batch, length, width, passes=3):
    """FLOPs of the two products within causal attention; `passes` is 3 with the backward pass, 1 without."""
    return passes * layers * 2 * batch * length * length * width  # half of the scores are masked


def transformer_block(torch, width, heads):
    """Causal self-attention and a perceptron of four times the width, each behind a layer norm."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1 = nn.LayerNorm(width)
            self.qkv = nn.Linear(width, 3 * width)
            self.project = nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def attention(self, x):
            batch, length, _ = x.shape
            q, k, v = (part.view(batch, length, heads, width // heads).transpose(1, 2) for part in self.qkv(x).split(width, dim=2))
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.project(y.transpose(1, 2).reshape(batch, length, width))

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    return Block()


@workload(steps=5, unseen=attention_flops(4, 16, 128, 192), small={"batch": 2, "layers": 1, "length": 12})
def char_gpt(torch, batch=16, layers=4, length=128):
    """A GPT of 4 layers, width 192 and 6 heads on 128 characters, batch 16, AdamW."""
    nn = torch.nn
    vocabulary, width = 128, 192

    class CharGPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(vocabulary, width)
            self.position = nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(transformer_block(torch, width, 6) for _ in range(layers)))
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary, bias=False)

        def forward(self, tokens):
            x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    model = initialise(torch, CharGPT())
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    text = integers(torch, 1, vocabulary, batch, length + 1)
    tokens, target = text[:, :-1], text[:, 1:].reshape(-1)

    def loss():
        return nn.functional.cross_entropy(model(tokens).reshape(-1, vocabulary), target)

    return training(optimizer, loss)


@workload(steps=3, unseen=2 * attention_flops(12, 8, 65, 192), small={"batch": 2, "layers": 1})
def vit_tiny(torch, batch=8, layers=12):
    """ViT-Tiny, 12 layers of width 192 and 3 heads, on 3x32x32 in patches of 4x4, batch 8, AdamW."""
    nn = torch.nn
    width = 192

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, width, 4, stride=4)
            self.token = nn.Parameter(torch.zeros(1, 1, width))
            self.position = nn.Parameter(torch.zeros(1, 65, width))
            layer = nn.TransformerEncoderLayer(width, 3, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
            self.encoder = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
            self.head = nn.Linear(width, 10)

        def forward(self, x):
            patches = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), patches], dim=1) + self.position
            return self.head(self.encoder(x)[:, 0])

    model = initialise(torch, ViT())
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    return classifier(torch, model, optimizer, normal(torch, 1, batch, 3, 32, 32), 10)
