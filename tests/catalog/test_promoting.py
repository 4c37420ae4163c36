"""What `runbookctl promote` does to promotions.yaml: its own entry, and not a letter of anybody else's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.promoting import HEADER, standing, with_promotion
from bot.catalog.promotion import Promotion, read_promotions
from bot.catalog.reading import parse_document
from bot.catalog.source import Document
from bot.errors import BadInput

OLD, NEW = "0" * 64, "f" * 64
CLEAR = Promotion(
    action="clear-cache",
    digest=NEW,
    environment="prod",
    evidence={"url": "https://wiki.acme.example/r/7", "history": {"runs": 12, "environments": ["staging"]}},
    promoted_by="dana@acme.example",
    promoted_at="2026-11-21T11:50:00Z",
)
ENTRY = """\
  - action: clear-cache
    digest: ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
    environment: prod
    evidence:
      url: "https://wiki.acme.example/r/7"
      history: { runs: 12, environments: ["staging"] }
    promoted_by: "dana@acme.example"
    promoted_at: "2026-11-21T11:50:00Z"
"""
OTHER = f"""\
# Reviewed every quarter.
promotions: # newest last
  # asked for by payments
  - {{ runbook: scale out, digest: "{OLD}", environment: prod }} # see wiki

  - environment: prod # order is ours
    digest: "{OLD}"
    # looked at twice
    action: clear-cache
    evidence: {{url: "https://wiki.acme.example/r/1"}} # the old one

  - action: last
    digest: "{OLD}"
    environment: prod
# the end
"""


def read(text: str) -> list[Promotion]:
    document = Document(path="promotions.yaml")
    parse_document(document, text.encode())
    found = read_promotions(document)
    assert document.problems == []
    return found


def test_a_file_that_is_not_there_is_begun() -> None:
    assert with_promotion("", CLEAR) == f"{HEADER}promotions:\n{ENTRY}"


@pytest.mark.parametrize("before", ["# Nothing yet.\n", "# Nothing yet.\n\n"])
def test_a_file_of_comments_keeps_them(before: str) -> None:
    assert with_promotion(before, CLEAR) == f"{before}promotions:\n{ENTRY}"


def test_an_empty_list_becomes_one_and_keeps_its_comment() -> None:
    made = with_promotion("# Top.\npromotions: [] # none yet\n# End.\n", CLEAR)
    assert made == f"# Top.\npromotions: # none yet\n{ENTRY}# End.\n"


def test_a_new_entry_goes_to_the_end_and_nothing_else_changes() -> None:
    other = CLEAR.model_copy(update={"action": "other"})
    entry = ENTRY.replace("clear-cache", "other")
    assert with_promotion(OTHER, other) == OTHER.replace("# the end\n", f"{entry}# the end\n")


def test_an_edited_action_takes_the_place_of_its_older_digest_and_keeps_what_was_remarked() -> None:
    made = with_promotion(OTHER, CLEAR)
    start = OTHER.index("  - environment: prod # order")
    end = OTHER.index("\n  - action: last")
    assert made == OTHER[:start] + "    # looked at twice\n" + ENTRY + OTHER[end:]
    assert [one.digest[:1] for one in read(made)] == ["0", "f", "0"]


def test_another_environment_is_another_promotion() -> None:
    assert len(read(with_promotion(OTHER, CLEAR.model_copy(update={"environment": "staging"})))) == 4


def test_a_list_in_brackets_stays_one() -> None:
    flow = f'promotions: [{{action: a, digest: "{OLD}", environment: prod}}] # short\n'
    made = with_promotion(flow, CLEAR)
    assert made.startswith(flow[: flow.index("]")])
    assert made.endswith("] # short\n")
    assert read(made)[1] == CLEAR
    again = with_promotion(made, CLEAR.model_copy(update={"digest": OLD}))
    assert [one.digest for one in read(again)] == [OLD, OLD]


def test_a_list_without_indent_and_without_a_last_newline_is_understood() -> None:
    made = with_promotion(f'promotions:\n- action: a\n  digest: "{OLD}"\n  environment: prod', CLEAR)
    assert made.splitlines()[4] == "- action: clear-cache"
    assert read(made)[1] == CLEAR


def test_a_block_text_at_the_end_is_not_torn() -> None:
    before = f'promotions:\n  - action: a\n    digest: "{OLD}"\n    environment: prod\n'
    before += "    evidence:\n      why: |\n        two\n        lines\n"
    made = with_promotion(before, CLEAR)
    assert made.startswith(before)
    assert read(made)[1] == CLEAR


def test_json_is_edited_as_json() -> None:
    before = json.dumps({"promotions": [{"action": "a", "digest": OLD, "environment": "prod"}]})
    made = json.loads(with_promotion(before, CLEAR, is_json=True))
    assert [one["action"] for one in made["promotions"]] == ["a", "clear-cache"]


def test_what_cannot_be_edited_safely_is_left_alone_with_the_entry_to_add_by_hand() -> None:
    shared = f'a: &a {{action: a, digest: "{OLD}", environment: prod}}\npromotions: [*a]\n'
    with pytest.raises(BadInput, match="cannot be edited"):
        with_promotion(shared, CLEAR)


def test_a_digest_that_was_promoted_is_known() -> None:
    assert standing([CLEAR], CLEAR.model_copy(update={"evidence": {}})) == CLEAR
    assert standing([CLEAR], CLEAR.model_copy(update={"digest": OLD})) is None


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@given(
    name=WORDS,
    by=WORDS,
    evidence=st.dictionaries(WORDS, st.one_of(WORDS, st.integers(0, 10**9), st.booleans())),
)
def test_whatever_words_a_promotion_holds_are_read_back_as_they_were(
    name: str, by: str, evidence: dict[str, object]
) -> None:
    promotion = Promotion(runbook=name, digest=NEW, environment="prod", promoted_by=by, evidence=evidence)
    assert read(with_promotion(OTHER, promotion))[-1] == promotion
