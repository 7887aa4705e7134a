"""Arrays to logits."""
