"""One file per action type, behind one protocol; heavy clients are imported on first use."""
