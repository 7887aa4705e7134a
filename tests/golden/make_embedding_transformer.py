"""Makes embedding_transformer.npz with torch.nn.MultiheadAttention and PyTorch's layers.

python tests/golden/make_embedding_transformer.py

Needs torch and nothing of flaxvid. Weights come from their names.
"""

import json
from pathlib import Path

import numpy as np
import regenerate
import torch
from torch import nn

SIZES = dict(dim=12, num_heads=3, dense_dim=4)
PADDING = torch.tensor([[0, 0, 0, 0, 1], [0, 0, 1, 1, 1]], dtype=torch.bool)


class Block(nn.Module):
    """Post-norm: attention and a small MLP, each added and then normalised."""

    def __init__(self, dim, num_heads, dense_dim):
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, num_heads, dropout=0.3, batch_first=True)
        self.dense_proj = nn.Sequential(
            nn.Linear(dim, dense_dim), nn.GELU(), nn.Linear(dense_dim, dim)
        )
        self.layernorm_1, self.layernorm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, tokens, padding=None):
        attended, _ = self.attention(tokens, tokens, tokens, key_padding_mask=padding)
        tokens = self.layernorm_1(tokens + attended)
        return self.layernorm_2(tokens + self.dense_proj(tokens))


class Positions(nn.Module):
    def __init__(self, length, dim):
        super().__init__()
        self.position_embeddings = nn.Embedding(length, dim)

    def forward(self, tokens):
        return tokens + self.position_embeddings(torch.arange(tokens.shape[1]))


class Classifier(nn.Module):
    def __init__(self, length, classes, dim, num_heads, dense_dim):
        super().__init__()
        self.pos_embedding = Positions(length, dim)
        self.transformer_layer = Block(dim, num_heads, dense_dim)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(dim, classes)

    def forward(self, tokens, padding=None):
        tokens = self.transformer_layer(self.pos_embedding(tokens), padding)
        if padding is not None:
            tokens = tokens.masked_fill(padding[:, :, None], -torch.inf)
        return self.fc(self.dropout(tokens.max(dim=1).values))


def fill(model):
    """Weights from their names, and what a model's are called and shaped."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = {name: regenerate.weight(name, shape) for name, shape in shapes.items()}
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model.eval(), shapes


@torch.no_grad()
def main():
    block, block_shapes = fill(Block(**SIZES))
    model, model_shapes = fill(Classifier(9, 7, **SIZES))
    tokens = torch.from_numpy(regenerate.inputs("block", (2, 5, SIZES["dim"])))
    inputs = torch.from_numpy(regenerate.inputs("model", (2, 5, SIZES["dim"])))
    # PyTorch's fast path leaves padded tokens out; with gradients on it takes the plain one.
    with torch.enable_grad():
        results = {
            "block/out": block(tokens, PADDING).detach().numpy(),
            "model/logits": model(inputs).detach().numpy(),
            "masked/logits": model(inputs, PADDING).detach().numpy(),
        }
    about = {"block": SIZES | {"shapes": block_shapes}, "model": SIZES | {"shapes": model_shapes}}
    path = Path(__file__).with_name("embedding_transformer.npz")
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), **results)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
