"""How an item is put into words for a model, and how a model's words are made safe for people.

The first is also what quotes are held against, so that what a model copies from what it was shown is found again. An
object becomes one line for each of its leaves (`status.phase: Pending`): short, and nothing in it can pretend to be
structure. What nobody would see is shown as U+FFFD in both directions.

The second takes out what could act on a reader's behalf or in their name: addresses of any kind (a picture or a link
carries data to whoever it names, without a click or with one), secrets, commands. Markup is no concern here: the
encoder of each place makes it inert.
"""

from __future__ import annotations

import re

from bot.diagnosis.changes import flat
from bot.diagnosis.evidence import Item
from bot.diagnosis.report import visible
from bot.telemetry import Redactor

_NOISE = re.compile(r"(^|\.)(uid|resourceVersion|generation|observedGeneration|apiVersion)$")
LINK_LEFT_OUT = "(link left out)"
_LINK = re.compile(
    r"(?i)(?:[a-z][a-z0-9+.-]{0,20}:\s?/\s?/|(?<![a-z0-9.-])www\.|(?<![a-z])(?:mailto|data|javascript|tel):)[^\s)>\]]*"
    r"|[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,64}(?:\.[a-z0-9-]{1,64}){1,8}"
)
_COMMAND = re.compile(
    r"(?i)(?<![a-z0-9_/-])(?:"
    r"(?:kubectl|helm|oc|terraform|systemctl|docker|aws|gcloud|az)\s+(?:-\S+\s+(?:[^-\s]\S*\s+)?)*"
    r"(?:apply|annotate|cordon|cp|create|debug|delete|destroy|drain|edit|exec|expose|install|kill|label|patch|"
    r"replace|restart|rm|rollback|rollout|run|scale|set|start|stop|taint|uninstall|upgrade)\b"
    r"|(?:curl|wget|sudo|rm|ssh|nc|bash|sh)\s+(?:-{1,2}[a-z]|/|[a-z+]+:)"
    r")"
)


def shown(item: Item) -> str:
    """All of an item as text."""
    if item.text or not item.body:
        return visible_lines(item.text)
    told = ((place, value) for place, value in flat(item.body) if value is not None)
    return visible_lines("\n".join(f"{place}: {value}" for place, value in told if not _NOISE.search(place)))


def visible_lines(text: str) -> str:
    """The text line by line with nothing hidden in it."""
    return "\n".join(visible(line) for line in text.splitlines())


def stands_in(quote: str, text: str) -> bool:
    """Whether the words are in the text, letter for letter but for white space; too few are in every text."""
    wanted = _squeezed(visible_lines(quote))
    return sum(map(str.isalnum, wanted)) >= 3 and wanted in _squeezed(text)


def safe(text: str, limit: int, redactor: Redactor) -> str:
    """A model's words on one line: nothing hidden, no secret, no link, cut with a mark."""
    line = _squeezed(visible_lines(text[: 4 * limit]))
    line = _LINK.sub(LINK_LEFT_OUT, redactor.redact(line)[0])
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def gives_a_command(text: str) -> bool:
    """Whether it tells to run something that changes something: what is to be done stands in the catalog only."""
    return _COMMAND.search(_squeezed(text).translate(_MARKUP)) is not None


_MARKUP = str.maketrans({one: " " for one in "`*_'\"$("})


def _squeezed(text: str) -> str:
    return " ".join(text.split())
