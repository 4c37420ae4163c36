"""Outside APIs that several rooms use; what reads and what writes are different classes."""
