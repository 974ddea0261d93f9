"""The one room for hostile input: paths, archives, pickles, arguments, secrets (reliability.md §2.0)."""
