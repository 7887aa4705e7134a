"""The subcommands of `prepare`, each with its options."""
