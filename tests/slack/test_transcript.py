"""A thread as plain text reads the same from our own values and from Slack's answer."""

from __future__ import annotations

from bot.slack.transcript import readable, transcript
from tests.slack.stage import NAMES, Stage


def test_messages_in_slacks_shape_read_like_our_own() -> None:
    shown = [one for one in Stage().opened().suggested().show() if one.place == "thread"]
    as_slack = [
        {
            "type": "message",
            "user": "U0RUNBOT",
            "bot_id": "B0RUNBOT",
            "ts": "1.2",
            "text": one.text,
            "blocks": one.blocks,
        }
        for one in shown
    ]
    assert transcript(as_slack, names=NAMES) == transcript(shown, names=NAMES)


def test_people_and_other_apps_are_named() -> None:
    found = transcript(
        [
            {"user": "U0ANN", "text": "on it &amp; looking <https://a.example|here>"},
            {"subtype": "bot_message", "bot_id": "B1", "username": "PagerDuty", "text": "Triggered"},
            {"user": "U0RUNBOT", "bot_id": "B2", "text": "full output", "files": [{"name": "out.txt"}]},
        ],
        names=NAMES,
    )
    assert found == (
        "Ann:\n    on it & looking here (https://a.example)\n\n"
        "PagerDuty:\n    Triggered\n\n"
        "bot:\n    full output\n    [File: out.txt]\n"
    )


def test_markup_becomes_words() -> None:
    assert (
        readable("*Now* <@U0ANN> and <!subteam^S0ONCALL>: 2*3*4", names=NAMES)
        == "Now @Ann and @oncall: 2*3*4"
    )
    assert readable("<!date^1^{time}|02:00 UTC> in <#C0INC>") == "02:00 UTC in #C0INC"
    assert readable("&lt;!channel&gt;") == "<!channel>"


def test_a_block_it_does_not_know_is_named() -> None:
    assert "(video)" in transcript([{"user": "U1", "blocks": [{"type": "video"}]}])
