"""The upper layers of the encoder as they are taught: torch modules that begin as the base and end as tensors again."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.encoder.base import HEADS, WIDTH, Floats

DROPOUT = 0.1
TINY = 1e-12


class Layer(nn.Module):
    """One transformer layer, begun as a layer of the base."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        super().__init__()
        self.heard = _linear(*(np.concatenate([tensors[f"{one}.{part}"] for one in "qkv"]) for part in "wb"))
        self.told = _linear(tensors["ao.w"], tensors["ao.b"])
        self.first_norm = _norm(tensors["aln.w"], tensors["aln.b"])
        self.inner = _linear(tensors["fi.w"], tensors["fi.b"])
        self.outer = _linear(tensors["fo.w"], tensors["fo.b"])
        self.second_norm = _norm(tensors["oln.w"], tensors["oln.b"])

    def forward(self, state: Tensor, inside: Tensor) -> Tensor:
        """``state``: text × piece × number; ``inside``: which pieces of a text are not padding."""
        texts, pieces, _ = state.shape
        parts = self.heard(state).view(texts, pieces, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        heard = functional.scaled_dot_product_attention(*parts, attn_mask=inside[:, None, None, :])
        told = self.told(heard.transpose(1, 2).reshape(texts, pieces, WIDTH))
        state = self.first_norm(state + functional.dropout(told, DROPOUT, self.training))
        thought = self.outer(functional.gelu(self.inner(state)))
        return self.second_norm(state + functional.dropout(thought, DROPOUT, self.training))

    def tensors(self) -> dict[str, Floats]:
        """The layer as the base names it."""
        found = {}
        for name, module in {"ao": self.told, "aln": self.first_norm, "fi": self.inner, "fo": self.outer,
                             "oln": self.second_norm}.items():  # fmt: skip
            found |= {f"{name}.w": module.weight, f"{name}.b": module.bias}
        for one, weight, bias in zip("qkv", self.heard.weight.chunk(3), self.heard.bias.chunk(3), strict=True):
            found |= {f"{one}.w": weight, f"{one}.b": bias}
        return {name: value.detach().numpy() for name, value in found.items()}


class Network(nn.Module):
    """Upper layers, the mean over the pieces of a text in even units, one linear layer for all labels."""

    def __init__(self, layers: Sequence[Mapping[str, Floats]], labels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(one) for one in layers])
        self.head = _linear(np.zeros((labels, WIDTH), dtype=np.float32), np.zeros(labels, dtype=np.float32))
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("spread", torch.ones(WIDTH))

    def vectors(self, state: Tensor, lengths: Tensor) -> Tensor:
        """The mean of the last layer's pieces, a row a text."""
        inside = torch.arange(state.shape[1])[None] < lengths[:, None]
        for layer in self.layers:
            state = layer(state, inside)
        return (state * inside[:, :, None]).sum(dim=1) / lengths[:, None]

    def forward(self, state: Tensor, lengths: Tensor) -> Tensor:
        """Scores of all labels, kinds one after the other."""
        even = (self.vectors(state, lengths) - self.mean) / self.spread
        return self.head(functional.dropout(even, DROPOUT, self.training))


def _linear(weight: Floats, bias: Floats) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        made.weight.copy_(torch.tensor(weight))
        made.bias.copy_(torch.tensor(bias))
    return made


def _norm(weight: Floats, bias: Floats) -> nn.LayerNorm:
    made = nn.LayerNorm(WIDTH, TINY)
    with torch.no_grad():
        made.weight.copy_(torch.tensor(weight))
        made.bias.copy_(torch.tensor(bias))
    return made
