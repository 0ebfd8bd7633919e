"""A Trainer's loop with a checkpoint and an evaluation."""

import os

import torch

os.environ["WANDB_DISABLED"] = "1"
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

torch.manual_seed(0)
m = GPT2LMHeadModel(
    GPT2Config(
        vocab_size=50,
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=32,
        resid_pdrop=0,
        embd_pdrop=0,
        attn_pdrop=0,
        bos_token_id=0,
        eos_token_id=1,
    )
)
d = [{"input_ids": torch.randint(0, 50, (8,)).tolist()} for _ in range(16)]
for r in d:
    r["labels"] = r["input_ids"]
a = TrainingArguments(
    "tr",
    max_steps=4,
    per_device_train_batch_size=4,
    logging_steps=2,
    report_to=[],
    use_cpu=True,
    save_strategy="steps",
    save_steps=4,
    disable_tqdm=True,
    learning_rate=1e-2,
)
t = Trainer(m, a, train_dataset=d, eval_dataset=d[:4])
t.remove_callback(PrinterCallback)
r = t.train()
print(round(r.training_loss, 4), round(t.evaluate()["eval_loss"], 4))
