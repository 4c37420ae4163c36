"""Free functions that draw: plain values of the core in, `Drawn` (a sentence and blocks) or a modal out.

They decide nothing: whether something is open, spent or left is read from the fold. Short lines, plain words, meaning
never in colour or a symbol alone: somebody reads this at two in the morning.
"""
