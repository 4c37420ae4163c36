/** Owns how one message is drawn: author, words, blocks, attachments, files, and what its thread holds. */
import { attachmentNode } from "./attachments.js";
import { avatar } from "./avatar.js";
import { blockNodes } from "./blocks.js";
import { h } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { fileNode } from "./files.js";
import { icon } from "./icons.js";
import { messageTools } from "./message_tools.js";
import { decoded, mrkdwn } from "./mrkdwn.js";
import { addressOf, openThread } from "./places.js";
import { isGone, nameOf, repliesTo, state, unreadReplies, userOf } from "./store.js";
import { messageSurface } from "./surface.js";
import { dayLabel, fullTime, isSameDay, momentOf, timeOf } from "./time.js";

const TOGETHER_S = 300;

/** Who wrote it: {key, name, user, isApp, emoji}; an app's post may carry a name of its own. */
export function authorOf(message) {
  const user = userOf(message.user);
  const isApp = Boolean(message.bot_id || user?.is_bot);
  const name = message.username || (isApp && message.bot_profile?.name) || (user ? nameOf(user) : "Unknown app");
  return {
    key: `${message.user ?? message.bot_id}/${name}`,
    name: decoded(name),
    user,
    isApp,
    emoji: message.icons?.emoji,
  };
}

/** Rows for `reconcile`: messages with day dividers, those of one author within five minutes drawn as one. */
export function messageRows(channel, messages, { inThread = false } = {}) {
  const rows = [];
  let before = null;
  for (const message of messages) {
    const isNewDay = !before || !isSameDay(momentOf(before.ts), momentOf(message.ts));
    const isFirstReply = inThread && rows.length === 1;
    if (isNewDay && !inThread) rows.push(dayRow(message));
    rows.push(
      messageRow(channel, message, { isCompact: !isNewDay && !isFirstReply && continues(before, message), inThread }),
    );
    before = message;
  }
  return rows;
}

function continues(before, message) {
  if (isGone(before) || isGone(message) || Boolean(before.ephemeral_to) !== Boolean(message.ephemeral_to)) return false;
  return (
    authorOf(before).key === authorOf(message).key &&
    Number(message.ts) - Number(before.ts) < TOGETHER_S &&
    !isNotice(before)
  );
}

const isNotice = (message) => ["channel_join", "channel_leave", "channel_topic"].includes(message.subtype);

function dayRow(message) {
  const label = dayLabel(momentOf(message.ts));
  return {
    key: `day ${momentOf(message.ts).toDateString()}`,
    print: label,
    build: () => h("li", { class: "day", role: "separator", "aria-label": label }, h("span", null, label)),
  };
}

function messageRow(channel, message, { isCompact, inThread }) {
  const replies = inThread ? [] : repliesTo(channel, message.ts);
  const fresh = inThread ? 0 : unreadReplies(channel, message.ts).length;
  const isHighlighted = state.highlight?.channel === channel && state.highlight.ts === message.ts;
  const print = JSON.stringify([
    state.as,
    message,
    isCompact,
    isHighlighted,
    fresh,
    replies.length,
    replies.at(-1)?.ts,
    state.workspace.users.length,
  ]);
  return {
    key: message.ts,
    print,
    build: () =>
      guarded(() => build(channel, message, { isCompact, inThread, replies, fresh, isHighlighted }), message),
  };
}

// Apps post what they like; one message that cannot be drawn must not take the others with it.
function guarded(draw, message) {
  try {
    return draw();
  } catch (fault) {
    console.error(`message ${message.ts} could not be drawn`, fault);
    return h(
      "li",
      { class: "message deleted", tabindex: "-1", data: { ts: message.ts } },
      h("div", { class: "message-side" }),
      h("span", { class: "tombstone" }, "This message could not be drawn."),
    );
  }
}

function build(channel, message, { isCompact, inThread, replies, fresh, isHighlighted }) {
  const author = authorOf(message);
  const looks = [
    "message",
    isCompact && "compact",
    message.ephemeral_to && "ephemeral",
    isHighlighted && "highlighted",
    isGone(message) && "deleted",
    isNotice(message) && "notice",
  ];
  const moment = momentOf(message.ts);
  if (isGone(message)) {
    return h(
      "li",
      { class: looks.filter(Boolean).join(" "), tabindex: "-1", data: { ts: message.ts } },
      h("div", { class: "message-side" }),
      h(
        "div",
        { class: "message-main" },
        h("span", { class: "tombstone" }, "This message was deleted."),
        summary(channel, message, replies, fresh),
      ),
    );
  }
  const head = h(
    "div",
    { class: "message-head" },
    h("span", { class: "author" }, author.name),
    author.isApp ? h("span", { class: "badge" }, "APP") : null,
    h(
      "a",
      { class: "stamp", href: addressOf(channel, message.ts), title: fullTime(moment), tabindex: "-1" },
      h("time", { datetime: moment.toISOString() }, timeOf(moment)),
    ),
  );
  return h(
    "li",
    {
      class: looks.filter(Boolean).join(" "),
      tabindex: "-1",
      "aria-label": `${author.name}, ${timeOf(moment)}`,
      data: { ts: message.ts, channel },
    },
    h(
      "div",
      { class: "message-side" },
      isCompact
        ? h("time", { class: "side-stamp", title: fullTime(moment), "aria-hidden": "true" }, timeOf(moment))
        : avatar(author.user, { name: author.name, emoji: author.emoji }),
    ),
    h(
      "div",
      { class: "message-main" },
      message.ephemeral_to ? h("div", { class: "only-you" }, icon("eye"), "Only visible to you") : null,
      isCompact ? null : head,
      content(channel, message),
      reactions(message),
      summary(channel, message, replies, fresh),
    ),
    message.ephemeral_to ? null : messageTools(channel, message, { inThread }),
  );
}

function content(channel, message) {
  const surface = messageSurface(channel, message.ts);
  const words = message.blocks?.length
    ? blockNodes(message.blocks, surface)
    : message.text
      ? [h("div", { class: "rich" }, mrkdwn(message.text))]
      : [];
  const edited = message.edited
    ? h(
        "span",
        { class: "edited", title: message.edited.ts ? fullTime(momentOf(message.edited.ts)) : null },
        "(edited)",
      )
    : null;
  const isInline = edited && words.at(-1)?.matches(".rich");
  if (isInline) words.at(-1).append(" ", edited);
  return h(
    "div",
    { class: "content" },
    words,
    isInline ? null : edited,
    (message.attachments ?? []).map((attachment) => attachmentNode(attachment, surface)),
    (message.files ?? []).map(fileNode),
  );
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  return h(
    "div",
    { class: "reactions" },
    message.reactions.map((reaction) => {
      const who = (reaction.users ?? []).map((id) => nameOf(userOf(id))).join(", ");
      return h(
        "span",
        { class: "reaction", title: `${who} reacted with :${reaction.name}:` },
        emojiFor(reaction.name) ?? `:${reaction.name}:`,
        " ",
        String(reaction.count ?? reaction.users?.length ?? 1),
      );
    }),
  );
}

function summary(channel, message, replies, fresh) {
  if (!replies.length) return null;
  const authors = new Map(replies.map((reply) => [authorOf(reply).key, authorOf(reply)]));
  const last = momentOf(replies.at(-1).ts);
  return h(
    "button",
    { type: "button", class: "thread-summary", onclick: () => openThread(channel, message.ts) },
    h(
      "span",
      { class: "faces" },
      [...authors.values()]
        .slice(0, 4)
        .map((author) => avatar(author.user, { name: author.name, emoji: author.emoji })),
    ),
    h("span", { class: "reply-count" }, replies.length === 1 ? "1 reply" : `${replies.length} replies`),
    fresh ? h("span", { class: "fresh" }, `${fresh} new`) : null,
    h(
      "span",
      { class: "last-reply" },
      `Last reply ${dayLabel(last).toLowerCase() === "today" ? "today" : dayLabel(last)} at ${timeOf(last)}`,
    ),
    h("span", { class: "view-thread", "aria-hidden": "true" }, "View thread", icon("right")),
  );
}
