"""What a run is fed with: pixels or embeddings, through one interface."""

from flaxvid.data import batches, embeddings, manifest
from flaxvid.runs import config


def loaders(
    settings: config.Settings,
    videos: manifest.Manifest,
    stored: embeddings.Stored | None,
    skipped: batches.Skipped,
) -> dict[str, batches.Rows]:
    """Split -> how its rows become rows of a batch; of `stored` embeddings, if there are."""
    if stored is not None:
        return {
            split: embeddings.EmbeddingRows(stored, split, skipped) for split in videos.splits()
        }
    return {
        split: batches.VideoRows(
            videos.split(split), settings.preprocessing, settings.data.bad_videos, skipped
        )
        for split in videos.splits()
    }
