"""Tables, transactions, migrations and blobs. Knows no noun's rules: those are in the modules above it."""
