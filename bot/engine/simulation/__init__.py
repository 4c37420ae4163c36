"""A runbook played through as it would happen, by the real engine, in a world that cannot reach anything.

`story.simulate` is the whole of it for others. Ledger, maker, driver, decisions and rules are those that serve; what
is replaced stands at four seams: actions (`world`), metrics (`world`), people (`cast`) and time (`world.HandClock`).
What is not known is said to be not known, and a fixture file (`fixture`) can tell it.
"""
