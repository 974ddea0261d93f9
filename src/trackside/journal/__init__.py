"""What a run reports, kept in files until the server has acknowledged it (DESIGN 9)."""
