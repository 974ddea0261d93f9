"""The one room for hostile input: paths below a root, archives, pickles, argument lists, secrets (reliability.md §2.0)."""
