"""BiLSTM, BERT and RoBERTa over embeddings of frames: tiny, and as ActionBERT trains them."""

from flaxvid.models import bert, bilstm
from flaxvid.recipes import own_videos, preprocessing, preset
from flaxvid.recipes import recipe as recipes

TINY = recipes.Recipe(steps=1000, batch_size=32, learning_rate=1e-3)
# ActionBERT's training of models over embeddings: Adam at 1e-4, no schedule, no decay, no clipping.
ACTIONBERT = recipes.Recipe(
    batch_size=256,
    optimizer="adam",
    learning_rate=1e-4,
    epochs=300.0,
    schedule="constant",
    weight_decay=0.0,
    clip_norm=None,
)


def _architecture(module, tiny, base, **own):
    return preset.Architecture(
        inputs="embedding",
        sizes={
            "tiny": own_videos.of(
                preset.Preset(tiny, module, preprocessing.frames(8, 112), TINY, encoder="lite0"),
                **own,
            ),
            "base": preset.Preset(
                base, module, preprocessing.frames(20, 224), ACTIONBERT, encoder="resnet18"
            ),
        },
    )


BILSTM = _architecture(bilstm.BiLSTM, bilstm.BiLSTMConfig.tiny, bilstm.BiLSTMConfig.base)
_DROPOUT = dict(dropout=0.1, attention_dropout=0.1)
BERT = _architecture(bert.Bert, bert.BertConfig.tiny, bert.BertConfig.base, **_DROPOUT)
ROBERTA = _architecture(
    bert.Bert, bert.BertConfig.roberta_tiny, bert.BertConfig.roberta_base, **_DROPOUT
)
