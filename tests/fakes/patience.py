"""How long a test waits for what must come, before it says that it never did.

Long, since a test that passes never waits it out, and one that fails on a busy machine says nothing about the code.
"""

PATIENCE_S = 120.0
