"""The pure core: what a run is, what may be decided, what comes next. No I/O, no clock, no asyncio."""
