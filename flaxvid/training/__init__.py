"""Learning: state, step, optimizer, checkpoints, metrics."""
