"""`runbookctl`: what an operator types. Commands are imported when they are called, so that help is instant."""
