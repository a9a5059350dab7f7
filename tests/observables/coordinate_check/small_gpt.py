"""A GPT-2-style transformer as users write it, in PyTorch; heads of 8, more of them with width."""

import torch
from torch import nn

SYMBOLS, LENGTH, HEAD = 17, 8, 8


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, n = x.shape
        q, k, v = (
            part.view(b, t, n // HEAD, HEAD).transpose(1, 2) for part in self.c_attn(x).split(n, 2)
        )
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(b, t, n))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.c_proj(nn.functional.gelu(self.c_fc(self.ln_2(x))))


class SmallGPT(nn.Module):
    def __init__(self, width: int, depth: int = 2, *, tied: bool = False) -> None:
        super().__init__()
        self.wte = nn.Embedding(SYMBOLS, width)
        self.wpe = nn.Parameter(torch.randn(LENGTH, width))
        self.h = nn.ModuleList([Block(width) for _ in range(depth)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, SYMBOLS, bias=False)
        if tied:
            self.lm_head.weight = self.wte.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.wte(tokens) + self.wpe
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def make(width: int, depth: int = 2) -> SmallGPT:
    return SmallGPT(width, depth)
