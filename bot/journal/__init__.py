"""The source of truth: append-only streams of events, and the rows derived from them in the same transaction."""
