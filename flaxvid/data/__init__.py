"""Many labelled videos: manifests, the motion set, batches."""
