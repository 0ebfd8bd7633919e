"""Inference: `eval()` and `inference_mode`. What comes out is told by one number."""

from .convolutional import residual_block
from .parts import initialise, integers, normal
from .registry import WORKLOADS, Workload, workload
from .transformers import attention_flops, transformer_block


def resnet18(torch, batch, side=224):
    """ResNet-18 on 3x224x224: the model and a batch of images."""
    nn = torch.nn
    widths = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1))
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1),
        *(residual_block(torch, *sizes) for sizes in widths),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000),
    )  # fmt: skip
    return initialise(torch, model).eval(), (normal(torch, 1, batch, 3, side, side),)


def gpt2_small(torch, batch, length=32, layers=12, vocabulary=50257):
    """GPT-2 small, the scores after 32 tokens: the model and a batch of texts."""
    nn = torch.nn
    width = 768

    class GPT2(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(1024, width)
            self.blocks = nn.Sequential(*(transformer_block(torch, width, 12) for _ in range(layers)))
            self.norm = nn.LayerNorm(width)

        def forward(self, tokens):
            x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
            return nn.functional.linear(self.norm(self.blocks(x)[:, -1]), self.token.weight)

    return initialise(torch, GPT2()).eval(), (integers(torch, 1, vocabulary, batch, length),)


def decoder(torch, layers=6, width=384, heads=6, vocabulary=128):
    """A GPT whose arguments are a token (1, 1), its position (1,) and a list of caches, one a layer, of the keys and values of what came
    before, (2, 1, heads, tokens before, width of a head); it gives scores (1, vocabulary) and the longer caches."""
    nn = torch.nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(256, width)
            self.blocks = nn.ModuleList(transformer_block(torch, width, heads) for _ in range(layers))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, token, position, caches):
            x, grown = self.token(token) + self.position(position), []
            for block, before in zip(self.blocks, caches, strict=True):
                q, k, v = (part.view(1, 1, heads, width // heads).transpose(1, 2) for part in block.qkv(block.norm1(x)).split(width, dim=2))
                cache = torch.cat([before, torch.stack([k, v])], dim=3)
                y = nn.functional.scaled_dot_product_attention(q, cache[0], cache[1])
                x = x + block.project(y.transpose(1, 2).reshape(1, 1, width))
                x = x + block.mlp(block.norm2(x))
                grown.append(cache)
            return self.head(self.norm(x))[:, 0], grown

    caches = [normal(torch, 1 + layer, 2, 1, heads, 8, width // heads) for layer in range(layers)]
    return initialise(torch, Decoder()).eval(), caches


def generated(decode, token, positions, caches):
    """The scores of the last of so many tokens, each the likeliest after those before it."""
    for i in range(len(positions)):
        scores, caches = decode(token, positions[i : i + 1], caches)
        token = scores.argmax(1).reshape(1, 1)
    return scores


@workload(steps=1, kind="inference", parts=True, unseen=6 * 4 * 384 * sum(range(9, 73)), small={"tokens": 4, "layers": 1})
def generate(torch, compile, tokens=64, layers=6):
    """A GPT of 6 layers of width 384 writes 64 characters, its keys and values growing from 8 on."""
    model, caches = decoder(torch, layers)
    decode = compile(model)
    first, positions = torch.tensor([[1]]), torch.arange(8, 8 + tokens)

    def step():
        with torch.inference_mode():
            return generated(decode, first, positions, caches).square().mean()

    return step


def inference(make, batch):
    """The workload that runs a model on its data without recording it."""

    def build_inference(torch, batch=batch, **sizes):
        model, inputs = make(torch, batch, **sizes)

        def step():
            with torch.inference_mode():
                return model(*inputs).square().mean()

        return step

    build_inference.__doc__ = f"{make.__doc__.partition(':')[0]}, batch {batch}."
    return build_inference


MODELS = {f"{make.__name__}_b{batch}": (make, batch) for make in (resnet18, gpt2_small) for batch in (1, 8)}
UNSEEN = {f"gpt2_small_b{batch}": attention_flops(12, batch, 32, 768, passes=1) for batch in (1, 8)}
SMALL = {resnet18: {"batch": 1, "side": 32}, gpt2_small: {"batch": 2, "length": 5, "layers": 1, "vocabulary": 99}}
for name, (make, batch) in MODELS.items():
    WORKLOADS[name] = Workload(inference(make, batch), 1, "inference", unseen=UNSEEN.get(name, 0), small=SMALL[make])
