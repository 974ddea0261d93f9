"""The query language of `get_all` (protocol.md §4), as far as this stage needs it: compiled to bound SQL."""
