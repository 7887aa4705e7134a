"""Other people's weight files, read safely and converted strictly."""
