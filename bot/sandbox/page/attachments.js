/** Owns the older kind of attachment: a colour bar with title, fields, text and, in newer ones, blocks. */
import { blockNodes } from "./blocks.js";
import { h } from "./dom.js";
import { decoded, link, mrkdwn, safeAddress } from "./mrkdwn.js";
import { withEmoji } from "./emoji.js";
import { fullTime } from "./time.js";

const NAMED = { good: "#2eb67d", warning: "#ecb22e", danger: "#e01e5a" };

/** One attachment as a node; buttons in its blocks act through `surface`. */
export function attachmentNode(attachment, surface) {
  const pretext = attachment.pretext ? h("div", { class: "rich" }, mrkdwn(attachment.pretext)) : null;
  const bar = h("div", { class: "attachment-bar" });
  const colour = NAMED[attachment.color] ?? `#${(attachment.color ?? "").replace(/^#/, "")}`;
  if (/^#[0-9a-f]{3,6}$/i.test(colour)) bar.style.backgroundColor = colour;
  const body = attachment.blocks?.length ? blockNodes(attachment.blocks, surface) : [...legacyParts(attachment)];
  return h(
    "div",
    { class: "attachment-whole" },
    pretext,
    h("div", { class: "attachment" }, bar, h("div", { class: "attachment-body" }, body)),
  );
}

function* legacyParts(attachment) {
  if (attachment.author_name) yield h("div", { class: "attachment-author" }, decoded(attachment.author_name));
  if (attachment.title) {
    const title = withEmoji(decoded(attachment.title));
    yield h(
      "div",
      { class: "attachment-title" },
      (attachment.title_link && link(decoded(attachment.title_link), title)) || title,
    );
  }
  if (attachment.text) yield h("div", { class: "rich" }, mrkdwn(attachment.text));
  if (attachment.fields?.length) yield h("div", { class: "fields" }, attachment.fields.map(field));
  if (attachment.actions?.length) yield h("div", { class: "block-actions" }, attachment.actions.map(legacyAction));
  const footer = [
    attachment.footer ? mrkdwn(attachment.footer) : null,
    attachment.ts ? fullTime(new Date(attachment.ts * 1000)) : null,
  ].filter(Boolean);
  if (footer.length)
    yield h(
      "div",
      { class: "attachment-footer" },
      footer.map((part, index) => [index ? " | " : null, part]),
    );
  const isEmpty = !attachment.title && !attachment.text && !attachment.fields?.length;
  if (isEmpty && attachment.fallback) yield h("div", { class: "rich" }, mrkdwn(attachment.fallback));
}

function field(entry) {
  return h(
    "div",
    { class: entry.short ? "field" : "field long" },
    h("div", { class: "field-title" }, decoded(entry.title ?? "")),
    h("div", { class: "rich" }, mrkdwn(entry.value ?? "")),
  );
}

// The old interactive messages belong to apps that are not in this workspace: nobody would answer a click.
function legacyAction(action) {
  const look = `button ${action.style === "primary" ? "primary" : action.style === "danger" ? "danger" : ""}`;
  if (action.url && safeAddress(decoded(action.url))) {
    return h(
      "a",
      { class: look, href: decoded(action.url), target: "_blank", rel: "noopener noreferrer" },
      decoded(action.text ?? ""),
    );
  }
  return h(
    "button",
    { type: "button", class: look, disabled: true, title: "This button belongs to an app that is not running here" },
    decoded(action.text ?? ""),
  );
}
