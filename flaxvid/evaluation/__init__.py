"""What a model is worth: logits of a split, scores, reports."""
