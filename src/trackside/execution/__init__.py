"""Running one task anywhere: its code, its environment, its process, and the word about how it ended."""
