"""LoRA of GPT-2, saved, loaded and merged."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
c = GPT2Config(
    vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=0, eos_token_id=1
)
g = GPT2LMHeadModel(c)
m = get_peft_model(g, LoraConfig(r=4, target_modules=["c_attn"], task_type="CAUSAL_LM", fan_in_fan_out=True))
m.print_trainable_parameters()
o = torch.optim.AdamW([p for p in m.parameters() if p.requires_grad], 1e-2)
ids = torch.randint(0, 50, (2, 7))
for _ in range(3):
    l = m(input_ids=ids, labels=ids).loss
    o.zero_grad()
    l.backward()
    o.step()
    print(round(l.item(), 4))
m.save_pretrained("lora")
n = PeftModel.from_pretrained(GPT2LMHeadModel(c), "lora")
print(type(m.merge_and_unload()).__name__)
