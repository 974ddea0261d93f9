"""URLs ↔ local copies."""
