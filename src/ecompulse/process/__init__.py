"""Log to rows: steps over batches, duplicates, and the engine that runs them into the embedded store."""
