"""Makes runs move: what a door may ask, one run one step forward, many runs and their timers."""
