/**
 * Owns drawing Slack's mrkdwn as DOM nodes.
 *
 * Three passes, as Slack does it: fenced code first, then lines (quotes, list-like lines), then what is inside a line.
 * `&amp; &lt; &gt;` are decoded at the very end, where a piece of text becomes a text node: decoded earlier, `&lt;` could
 * open a token. A `<…>` that is none of Slack's tokens, or a link to anything but http, https or mailto, is shown as typed.
 */
import { add, fragment, h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { channelOf, groupOf, nameOf, state, userOf } from "./store.js";
import { formatDate, fullTime } from "./time.js";

/** Slack's three entities back to characters. */
export function decoded(text) {
  return text.replace(/&(lt|gt|amp);/g, (_all, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);
}

/** A text object ({type, text, emoji}) as nodes. */
export function textObject(object) {
  if (!object) return fragment();
  if (typeof object === "string") return plain(object);
  return object.type === "mrkdwn"
    ? mrkdwn(object.text ?? "", { verbatim: object.verbatim })
    : plain(object.text ?? "", object.emoji);
}

/** The words of a text object, for labels and titles. */
export function wordsOf(object) {
  return withEmoji(decoded(typeof object === "string" ? object : (object?.text ?? "")));
}

function plain(text, emoji = true) {
  const words = decoded(text);
  return lines((emoji === false ? words : withEmoji(words)).split("\n"));
}

function lines(parts) {
  return fragment(parts.map((part, index) => (index ? [h("br"), part] : part)));
}

/** mrkdwn as nodes. `verbatim` leaves bare addresses unlinked. */
export function mrkdwn(text, { verbatim = false } = {}) {
  const out = fragment();
  const pieces = text.split(/```([\s\S]*?)```/);
  pieces.forEach((piece, index) => {
    if (index % 2)
      add(out, h("pre", { class: "code-block", tabindex: "0" }, literal(piece.replace(/^\n/, "").replace(/\n$/, ""))));
    else add(out, paragraphs(trimBesideCode(piece, index, pieces.length), verbatim));
  });
  return out;
}

function trimBesideCode(piece, index, count) {
  const after = index > 0 ? piece.replace(/^\n/, "") : piece;
  return index < count - 1 ? after.replace(/\n$/, "") : after;
}

const QUOTE = /^(?:&gt;|>)(?!&gt;|>) ?/;
const LONG_QUOTE = /^(?:&gt;|>){3} ?/;
const LISTED = /^(\s*)([•◦▪‣-]|\d{1,3}\.) +(.*)$/;

// A quote holds no further quotes, as in Slack; it also keeps a line of a thousand `>` from nesting a thousand deep.
function paragraphs(text, verbatim, { isQuoted = false } = {}) {
  if (text === "") return fragment();
  const out = fragment();
  const rows = text.split("\n");
  let isFresh = true; // nothing on this line yet, so no break is needed before the next
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at];
    if (!isQuoted && LONG_QUOTE.test(row)) {
      const rest = [row.replace(LONG_QUOTE, ""), ...rows.slice(at + 1)].join("\n");
      return add(out, h("blockquote", null, paragraphs(rest, verbatim, { isQuoted: true })));
    }
    if (!isQuoted && QUOTE.test(row)) {
      let end = at;
      while (end < rows.length && QUOTE.test(rows[end])) end += 1;
      const quoted = rows
        .slice(at, end)
        .map((line) => line.replace(QUOTE, ""))
        .join("\n");
      add(out, h("blockquote", null, paragraphs(quoted, verbatim, { isQuoted: true })));
      at = end - 1;
      isFresh = true;
      continue;
    }
    const item = LISTED.exec(row);
    if (item) {
      add(out, listLine(item, verbatim));
      isFresh = true;
      continue;
    }
    if (row === "") {
      add(out, h("span", { class: "gap" }));
      isFresh = true;
      continue;
    }
    add(out, isFresh ? null : h("br"), inline(row, verbatim));
    isFresh = false;
  }
  return out;
}

function listLine([, indent, mark, rest], verbatim) {
  const depth = Math.min(Math.floor(indent.length / 2), 4);
  return h(
    "span",
    { class: `list-line depth-${depth}` },
    h("span", { class: "list-mark" }, mark === "-" ? "•" : mark),
    h("span", null, inline(rest, verbatim)),
  );
}

const MARKS = { "*": "strong", _: "em", "~": "s" };
const BARE_LINK = /^https?:\/\/[^\s<>|"'`*]+/;

function inline(text, verbatim) {
  const out = fragment();
  let start = 0;
  const flush = (end) => {
    if (end > start) add(out, withEmoji(decoded(text.slice(start, end))));
  };
  for (let at = 0; at < text.length;) {
    const found = pieceAt(text, at, verbatim);
    if (!found) {
      at += 1;
      continue;
    }
    flush(at);
    add(out, found.node);
    at = found.end;
    start = at;
  }
  flush(text.length);
  return out;
}

/** What begins at `at`, as {node, end}, or null when it is ordinary text. */
function pieceAt(text, at, verbatim) {
  const sign = text[at];
  if (sign === "<") return tokenAt(text, at);
  if (sign === "`") {
    const end = text.indexOf("`", at + 1);
    return end > at + 1 ? { node: h("code", null, literal(text.slice(at + 1, end))), end: end + 1 } : null;
  }
  if (Object.hasOwn(MARKS, sign) && opens(text, at)) {
    const end = closing(text, at);
    return end ? { node: h(MARKS[sign], null, inline(text.slice(at + 1, end), verbatim)), end: end + 1 } : null;
  }
  if (sign === "h" && !verbatim && !/\w/.test(text[at - 1] ?? " ")) {
    const match = BARE_LINK.exec(text.slice(at));
    if (!match) return null;
    const url = match[0].replace(/(?:[.,;:!?)\]]|&gt;|&lt;)+$/, "");
    return { node: link(decoded(url), decoded(url)), end: at + url.length };
  }
  return null;
}

const isWord = (sign) => sign !== undefined && /[\p{L}\p{N}]/u.test(sign);

function opens(text, at) {
  const next = text[at + 1];
  return (
    !isWord(text[at - 1]) && text[at - 1] !== text[at] && next !== undefined && !/\s/.test(next) && next !== text[at]
  );
}

function closing(text, at) {
  for (let here = at + 1; here < text.length; here += 1) {
    const sign = text[here];
    if (sign === "<" || sign === "`") {
      const end = text.indexOf(sign === "<" ? ">" : "`", here + 1);
      if (end > 0) here = end;
    } else if (
      sign === text[at] &&
      here > at + 1 &&
      !/\s/.test(text[here - 1]) &&
      !isWord(text[here + 1]) &&
      text[here + 1] !== sign
    ) {
      return here;
    }
  }
  return 0;
}

function tokenAt(text, at) {
  const end = text.indexOf(">", at + 1);
  const inside = end > 0 ? text.slice(at + 1, end) : "";
  const node = inside && !inside.includes("<") ? token(inside) : null;
  return node ? { node, end: end + 1 } : null;
}

function token(inside) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : decoded(inside.slice(bar + 1));
  if (/^@[A-Z0-9]+$/.test(target)) return userMention(target.slice(1), label);
  if (/^#[A-Z0-9]+$/.test(target)) return channelMention(target.slice(1), label);
  if (target.startsWith("!subteam^")) return groupMention(target.slice(9), label);
  if (target.startsWith("!date^")) return dateToken(target, label);
  if (/^!(here|channel|everyone)$/.test(target)) return h("span", { class: "mention yours" }, `@${target.slice(1)}`);
  if (target.startsWith("!") && label) return document.createTextNode(label);
  return link(decoded(target), label === null ? decoded(target) : withEmoji(label));
}

/** A member's mention. */
export function userMention(id, label) {
  const user = userOf(id);
  const name = user ? nameOf(user) : (label ?? id).replace(/^@/, "");
  return h("span", { class: id === state.as ? "mention yours" : "mention", data: { user: id } }, `@${name}`);
}

/** A channel's mention: a link to it when it is one of this workspace. */
export function channelMention(id, label) {
  const name = `#${channelOf(id)?.name ?? label ?? id}`;
  return channelOf(id) ? h("a", { class: "mention", href: `#${id}` }, name) : h("span", { class: "mention" }, name);
}

/** A user group's mention, with who is in it as its tooltip. */
export function groupMention(id, label) {
  const group = groupOf(id);
  const members = (group?.users ?? []).map((user) => nameOf(userOf(user))).join(", ");
  const isYours = group?.users?.includes(state.as);
  const name = group ? `@${group.handle}` : (label ?? `@${id}`);
  return h("span", { class: isYours ? "mention yours" : "mention", title: members || null }, name);
}

function dateToken(target, fallback) {
  const [, unix, format, url] = target.split("^");
  const words = format === undefined ? null : formatDate(unix, decoded(format));
  if (words === null) return document.createTextNode(fallback ?? "");
  const time = h("time", { title: fullTime(new Date(Number(unix) * 1000)) }, words);
  return url && safeAddress(decoded(url)) ? link(decoded(url), time) : time;
}

const SAFE = new Set(["http:", "https:", "mailto:"]);

/** The address if it is one a click may open, else null. */
export function safeAddress(url) {
  try {
    return SAFE.has(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** A link, or null where the address is not one that may be opened. Links into this page stay in this page. */
export function link(url, label) {
  if (!safeAddress(url)) return null;
  const here = new URL(url);
  if (here.origin === location.origin && here.hash && here.pathname === location.pathname)
    return h("a", { href: here.hash }, label);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label);
}

/** Text in code: no marks and no emoji, tokens by their words. */
function literal(text) {
  return decoded(
    text.replace(/<([^<>\n]+)>/g, (all, inside) => {
      const node = token(inside);
      return node
        ? node.textContent.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign])
        : all;
    }),
  );
}
