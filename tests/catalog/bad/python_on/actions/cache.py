def warm() -> None:
    """Nothing runs while linting."""
