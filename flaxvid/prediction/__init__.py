"""What a trained model says of videos that nobody has labelled, and how that is shown."""
