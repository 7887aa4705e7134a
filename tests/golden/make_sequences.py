"""Makes sequences.npz with PyTorch's LSTM and with Transformers' BertModel and RobertaModel.

python tests/golden/make_sequences.py

Needs torch, torchvision and transformers, and nothing of flaxvid. Weights come from their names,
so the file holds shapes and results only.
"""

import json
from pathlib import Path

import numpy as np
import regenerate
import torch
from make_timesformer import fill, import_transformers

LENGTHS = (5, 1, 3)  # the longest and the shortest there can be, in no order
CONFIGS = {
    "bilstm 1 layer": dict(embedding_dim=6, hidden_dim=4, depth=1),
    "bilstm 2 layers": dict(embedding_dim=7, hidden_dim=3, depth=2),
    "bert": dict(dim=12, depth=2, num_heads=3, mlp_dim=20, max_positions=9),
    "roberta": dict(dim=16, depth=3, num_heads=2, mlp_dim=36, max_positions=11),
}


def lstm(config):
    """PyTorch's LSTM over packed sequences."""
    model, shapes = fill(
        torch.nn.LSTM(
            config["embedding_dim"],
            config["hidden_dim"],
            config["depth"],
            batch_first=True,
            bidirectional=True,
        )
    )

    def call(inputs):
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            inputs, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
        )
        _, (hidden, _) = model(packed)
        # The last layer's two directions side by side.
        return torch.cat([hidden[-2], hidden[-1]], dim=1)

    return call, shapes, config["embedding_dim"]


def of_transformers(transformers, name, config):
    """BertModel or RobertaModel over `inputs_embeds`, each with its own epsilon and token types."""
    kinds = dict(
        bert=(transformers.BertConfig, transformers.BertModel, dict(layer_norm_eps=1e-12)),
        roberta=(
            transformers.RobertaConfig,
            transformers.RobertaModel,
            dict(layer_norm_eps=1e-5, type_vocab_size=1, pad_token_id=1),
        ),
    )
    settings, kind, special = kinds[name]
    model, shapes = fill(
        kind(
            settings(
                vocab_size=110,
                hidden_size=config["dim"],
                num_hidden_layers=config["depth"],
                num_attention_heads=config["num_heads"],
                intermediate_size=config["mlp_dim"],
                max_position_embeddings=config["max_positions"],
                **special,
            )
        )
    )
    real = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]

    def call(inputs):
        return model(inputs_embeds=inputs, attention_mask=real.long()).last_hidden_state

    return call, shapes, config["dim"]


def main():
    transformers = import_transformers()
    results, about = {}, {}
    for case, config in CONFIGS.items():
        if case.startswith("bilstm"):
            call, shapes, dim = lstm(config)
        else:
            call, shapes, dim = of_transformers(transformers, case, config)
        # Faint inputs, so that the epsilon of the norms counts.
        inputs = regenerate.inputs(case, (len(LENGTHS), max(LENGTHS), dim)) / 8
        with torch.no_grad():
            results[case] = call(torch.from_numpy(inputs)).numpy()
        about[case] = dict(config=config, shapes=shapes)
    path = Path(__file__).with_name("sequences.npz")
    about["lengths"] = LENGTHS
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), **results)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
