"""BERT, GPT-2, Llama, T5 and ViT trained from nothing; beam search and sampling; saved and loaded."""

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
)

torch.manual_seed(0)


def train(m, **kw):
    o = torch.optim.AdamW(m.parameters(), 1e-3)
    for _ in range(3):
        l = m(**kw).loss
        o.zero_grad()
        l.backward()
        o.step()
        print(type(m).__name__, round(l.item(), 4))


ids = torch.randint(0, 50, (2, 7))
train(
    BertForSequenceClassification(
        BertConfig(
            vocab_size=50,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
        )
    ),
    input_ids=ids,
    attention_mask=torch.ones_like(ids),
    labels=torch.tensor([0, 1]),
)
g = GPT2LMHeadModel(
    GPT2Config(
        vocab_size=50,
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=32,
        resid_pdrop=0,
        embd_pdrop=0,
        attn_pdrop=0,
        bos_token_id=0,
        eos_token_id=1,
    )
)
train(g, input_ids=ids, labels=ids)
print(
    g.eval().generate(ids[:1, :3], max_new_tokens=5, do_sample=False, pad_token_id=1),
    g.generate(ids[:1, :3], max_new_tokens=5, num_beams=3, pad_token_id=1),
)
torch.manual_seed(0)
print(g.generate(ids[:1, :3], max_new_tokens=5, do_sample=True, top_k=10, top_p=0.9, temperature=0.8, pad_token_id=1))
l = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=32,
        bos_token_id=0,
        eos_token_id=1,
    )
)
train(l, input_ids=ids, labels=ids)
print(l.eval().generate(ids[:1, :3], max_new_tokens=4, do_sample=False, pad_token_id=1))
train(
    T5ForConditionalGeneration(
        T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, dropout_rate=0, decoder_start_token_id=0)
    ),
    input_ids=ids,
    labels=ids,
)
train(
    ViTForImageClassification(
        ViTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=8,
            patch_size=4,
            num_channels=1,
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
        )
    ),
    pixel_values=torch.randn(2, 1, 8, 8),
    labels=torch.tensor([0, 1]),
)
l.save_pretrained("llama")
m = LlamaForCausalLM.from_pretrained("llama")
print(torch.equal(m.lm_head.weight, l.lm_head.weight))
