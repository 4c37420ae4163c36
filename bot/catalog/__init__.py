"""What may be done: the files in Git, read, checked and made ready. No I/O outside the loader and promotions."""
