"""How the page draws Slack's text and blocks, in Chromium: faithfully, and never as markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, sync_playwright

import bot.sandbox
from tests.sandbox.page_desk import ARGS, CHROMIUM

PAGE = Path(bot.sandbox.__file__).parent / "page"
ORIGIN = "http://127.0.0.1:1"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
WORKSPACE = {
    "team": {"id": "T0ACME", "name": "Acme"},
    "users": [
        {"id": "U01ANA", "name": "ana", "real_name": "Ana Lima", "is_bot": False},
        {"id": "U02BEN", "name": "ben", "real_name": "Ben Ito", "is_bot": False},
    ],
    "channels": [{"id": "C0INC", "name": "incidents", "is_im": False, "members": ["U01ANA"]}],
    "user_groups": [{"id": "S0PAY", "handle": "payments", "name": "Payments", "users": ["U01ANA"]}],
    "app": {"user_id": "U0BOT", "name": "Runbook Bot"},
}

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium"),
]


def serve(route: Route) -> None:
    """The page's own files, and nothing else: a request for anything outside fails the drawing."""
    path = route.request.url.removeprefix(ORIGIN)
    if path == "/":
        route.fulfill(body="<!doctype html><title>text</title>", content_type="text/html")
    elif path.startswith("/page/") and (file := PAGE / path.removeprefix("/page/")).is_file():
        route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix])
    else:
        route.abort()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        page = browser.new_page(timezone_id="UTC", locale="en-GB")
        page.route("**/*", serve)
        page.goto(f"{ORIGIN}/")
        page.evaluate(
            """async (workspace) => {
              const { state } = await import("/page/store.js");
              Object.assign(state, { workspace, as: "U01ANA" });
              window.drawn = (node) => {
                const frame = document.createElement("div");
                frame.append(node);
                return frame;
              };
            }""",
            WORKSPACE,
        )
        yield page
        browser.close()


def html_of(page: Page, text: str) -> str:
    drawn = page.evaluate(
        'async (text) => drawn((await import("/page/mrkdwn.js")).mrkdwn(text)).innerHTML', text
    )
    return str(drawn)


def draw_blocks(page: Page, blocks: list[dict[str, Any]]) -> None:
    page.evaluate(
        """async (blocks) => {
          const { blockNodes } = await import("/page/blocks.js");
          const { messageSurface } = await import("/page/surface.js");
          document.body.replaceChildren(...blockNodes(blocks, messageSurface("C0INC", "1.0")));
        }""",
        blocks,
    )


MENTION = '<span class="mention yours" data-user="U01ANA">@Ana Lima</span>'
LINK = 'target="_blank" rel="noopener noreferrer"'

AS_SLACK = {
    "marks at word edges are marks": ("*bold* _it_ ~gone~", "<strong>bold</strong> <em>it</em> <s>gone</s>"),
    "marks nest": ("*_both_*", "<strong><em>both</em></strong>"),
    "marks inside words are letters": ("a_b_c 2*3*4 x~y~z", "a_b_c 2*3*4 x~y~z"),
    "a mark before a space is a sign": ("2 * 3 * 4", "2 * 3 * 4"),
    "a mark does not cross lines": ("*a\nb*", "*a<br>b*"),
    "nothing inside code is a mark": ("`a *b* :x: &lt;c&gt;`", "<code>a *b* :x: &lt;c&gt;</code>"),
    "a fence is a block": (
        "see\n```\na\n  *b*\n```\nend",
        'see<pre class="code-block" tabindex="0">a\n  *b*</pre>end',
    ),
    "a lone fence is text": ("``` a", "``` a"),
    "a quote ends with its lines": ("&gt; a\n> b\nc", "<blockquote>a<br>b</blockquote>c"),
    "a long quote takes the rest": (">>> a\nb", "<blockquote>a<br>b</blockquote>"),
    "the three entities are decoded once": ("&amp;lt; &lt;b&gt; &quot;", "&amp;lt; &lt;b&gt; &amp;quot;"),
    "a link has its label": (
        "<https://a.example/?x=1&amp;y=2|the &lt;page&gt;>",
        f'<a href="https://a.example/?x=1&amp;y=2" {LINK}>the &lt;page&gt;</a>',
    ),
    "a bare address is a link without the full stop": (
        "(https://a.example/b).",
        f'(<a href="https://a.example/b" {LINK}>https://a.example/b</a>).',
    ),
    "a link into this page stays here": (
        f"<{ORIGIN}/#C0INC/1.0|thread>",
        '<a href="#C0INC/1.0">thread</a>',
    ),
    "you are marked": ("<@U01ANA>", MENTION),
    "others are named": ("<@U02BEN|x>", '<span class="mention" data-user="U02BEN">@Ben Ito</span>'),
    "a stranger keeps the label": ("<@U9|zed>", '<span class="mention" data-user="U9">@zed</span>'),
    "a channel is a link": ("<#C0INC>", '<a class="mention" href="#C0INC">#incidents</a>'),
    "a group shows who is in it": (
        "<!subteam^S0PAY|@p>",
        '<span class="mention yours" title="Ana Lima">@payments</span>',
    ),
    "here calls everyone": ("<!here>", '<span class="mention yours">@here</span>'),
    "known emoji are drawn": (":white_check_mark: done", "✅ done"),
    "unknown emoji stay text": (":not_one: 10:30:45", ":not_one: 10:30:45"),
    "list lines hang": (
        "• one",
        '<span class="list-line depth-0"><span class="list-mark">•</span><span>one</span></span>',
    ),
    "a date is local time": (
        "<!date^1700000000^{date_num} {time_secs}|x>",
        '<time title="Tuesday, November 14th, 2023 at 22:13:20">2023-11-14 22:13:20</time>',
    ),
    "a broken date says its fallback": ("<!date^soon^{time}|soon>", "soon"),
}


@pytest.mark.parametrize(("text", "expected"), AS_SLACK.values(), ids=AS_SLACK.keys())
def test_mrkdwn_is_drawn_as_slack_draws_it(page: Page, text: str, expected: str) -> None:
    assert html_of(page, text) == expected


HOSTILE = [
    "<img src=x onerror=window.hit=1>",
    "&lt;img src=x onerror=window.hit=1&gt;",
    "<javascript:window.hit=1|click>",
    "<JaVaScRiPt:window.hit=1>",
    "<data:text/html,<script>window.hit=1</script>|x>",
    "<https://a.example|<img src=x onerror=window.hit=1>>",
    '<https://a.example" onmouseover="window.hit=1|x>',
    "```<svg onload=window.hit=1>```",
    "`<script>window.hit=1</script>`",
    "<!date^1700000000^{time}^javascript:window.hit=1|x>",
    "<@U01ANA|<b>x</b>>",
    "*<b>*_<i>_~<s>~",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_looks_like_markup_stays_text(page: Page, text: str) -> None:
    found = page.evaluate(
        """async (text) => {
          const { mrkdwn } = await import("/page/mrkdwn.js");
          const { markdown } = await import("/page/markdown.js");
          const frame = drawn(mrkdwn(text));
          frame.append(markdown(text), markdown(`[x](${text})`));
          document.body.replaceChildren(frame);
          for (const node of frame.querySelectorAll("*")) node.click();
          const strange = [...frame.querySelectorAll("*")].filter((node) =>
            ["IMG", "SCRIPT", "SVG", "IFRAME", "OBJECT"].includes(node.nodeName.toUpperCase())
            || [...node.attributes].some((one) => one.name.startsWith("on"))
            || (node.href && !/^(https?:|mailto:|#)/.test(node.href)));
          return { strange: strange.map((node) => node.outerHTML), hit: window.hit ?? null };
        }""",
        text,
    )
    assert found == {"strange": [], "hit": None}


def test_long_text_full_of_marks_is_drawn_in_time(page: Page) -> None:
    for text in ("*a " * 2000, "<" * 6000, "_`" * 3000, "*_~" * 2000, "&gt;" * 1500, "> " * 3000):
        assert page.evaluate(
            """async (text) => {
              const { mrkdwn } = await import("/page/mrkdwn.js");
              const { markdown } = await import("/page/markdown.js");
              return drawn(mrkdwn(text)).textContent.length > 0 && drawn(markdown(text)).textContent.length > 0;
            }""",
            text,
        )


def test_markdown_blocks_know_headings_lists_tables_and_code(page: Page) -> None:
    text = "# Report\n\n1. one\n   - deep\n2. **two**\n\n| a | b |\n|---|---|\n| `1` | [x](https://a.example) |\n"
    text += "\n> said\n\n---\n```\n<b>\n```\n"
    draw_blocks(page, [{"type": "markdown", "block_id": "m", "text": text}])
    block = page.locator(".markdown")
    assert block.get_by_role("heading", name="Report").count() == 1
    assert block.locator("ol > li").all_inner_texts() == ["one\ndeep", "two"]
    assert block.locator("ul li").inner_text() == "deep"
    assert block.get_by_role("columnheader").all_inner_texts() == ["a", "b"]
    assert block.get_by_role("link", name="x").get_attribute("href") == "https://a.example"
    assert block.locator("blockquote").inner_text() == "said"
    assert block.locator("pre").inner_text() == "<b>"


def test_every_layout_block_is_drawn(page: Page) -> None:
    words = {"type": "mrkdwn", "text": "*word*"}
    rich = [
        {"type": "rich_text_section", "elements": [
            {"type": "text", "text": "loud", "style": {"bold": True}}, {"type": "emoji", "name": "x"},
            {"type": "user", "user_id": "U02BEN"}, {"type": "link", "url": "javascript:1", "text": "inert"}]},
        {"type": "rich_text_list", "style": "bullet", "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "item"}]}]},
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "fixed"}]},
    ]  # fmt: skip
    draw_blocks(
        page,
        [
            {"type": "header", "text": {"type": "plain_text", "text": "Head :lock:"}},
            {"type": "section", "text": words, "fields": [words, words]},
            {"type": "context", "elements": [words]},
            {"type": "divider"},
            {"type": "image", "image_url": "https://a.example/x.png", "alt_text": "a graph"},
            {"type": "rich_text", "elements": rich},
            {
                "type": "table",
                "rows": [[{"type": "raw_text", "text": "a"}], [{"type": "raw_text", "text": "1"}]],
            },
            {"type": "carousel"},
        ],
    )
    assert page.get_by_role("heading", name="Head 🔒").count() == 1
    assert page.locator(".block-section strong").count() == 3
    assert page.locator(".block-context strong").count() == 1
    assert page.locator("hr").count() == 1
    assert page.get_by_text("a graph").count() == 1
    assert page.locator("img").count() == 0, "a picture from elsewhere is named, not loaded"
    assert page.locator(".rich-text").inner_text().replace("\n", "|") == "loud❌@Ben Itoinert|item|fixed"
    assert page.locator(".rich-text a").count() == 0
    assert page.get_by_role("columnheader", name="a").count() == 1
    assert page.get_by_text("[carousel: not drawn here]").count() == 1


def test_real_samples_of_other_apps_are_drawn(page: Page) -> None:
    drawn = 0
    samples = Path(__file__).parent.parent / "samples" / "slack"
    for path in sorted(samples.glob("*.json")):
        sample = json.loads(path.read_text(encoding="utf-8"))
        event = sample.get("event", {})
        for attachment in (event.get("message", event)).get("attachments", []):
            drawn += 1
            assert page.evaluate(
                """async (attachment) => {
                  const { attachmentNode } = await import("/page/attachments.js");
                  const { messageSurface } = await import("/page/surface.js");
                  const node = attachmentNode(attachment, messageSurface("C0INC", "1.0"));
                  return drawn(node).textContent.trim().length > 0;
                }""",
                attachment,
            ), path.name
    assert drawn
