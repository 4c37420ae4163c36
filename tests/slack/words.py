"""Words from outside at their worst: markup, mentions, hidden characters, any length."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    "<!channel>",
    "<@U0ANN>",
    "<!subteam^S0ONCALL>",
    "<https://evil.example|log in>",
    "*bold* _it_ ~no~ `code`",
    "```fence```",
    "````",
    "`",
    "> quote\n> again",
    "@here @channel @everyone",
    "https://evil.example/?a=1&b=2",
    "a & b < c > d &amp; &lt;",
    "\u202egnp.exe",
    "zero\u200bwidth\u2060joiner\ufeff",
    "e\u0301\u0323" * 20,
    "👩‍💻🏳️‍🌈" * 30,
    "\x00\x1b[31mred\x07",
    "line\nline\r\nline\u2028line",
    "{{ incident.title }} $TOKEN",
    "",
    " ",
    "\ud800",
)
_ANY = st.text(st.characters(exclude_categories=()), max_size=60)
_PIECES = st.one_of(st.sampled_from(NASTY), _ANY)


def words(*, longest: int = 9_000) -> st.SearchStrategy[str]:
    """Any text: short, nasty, or repeated until it is far too long."""
    few = st.lists(_PIECES, max_size=4).map("".join)
    many = st.builds(
        lambda piece, size: (piece * (size // max(1, len(piece)) + 1))[:size],
        _PIECES.filter(bool),
        st.integers(0, longest),
    )
    return st.one_of(few, many)


def stored(*, longest: int = 9_000) -> st.SearchStrategy[str]:
    """The same without lone surrogates: no journal and no JSON from outside can hold those."""
    return words(longest=longest).map(lambda text: text.encode("utf-8", "replace").decode())
