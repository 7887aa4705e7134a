"""A run on disk: options, settings, its directory, and what goes on in it."""
