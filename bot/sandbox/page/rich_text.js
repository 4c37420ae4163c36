/** Owns drawing `rich_text` blocks: sections, lists, quotes, preformatted text and what stands inside them. */
import { add, h } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { channelMention, groupMention, link, userMention } from "./mrkdwn.js";
import { formatDate } from "./time.js";

/** A rich_text block as a node. */
export function richText(block) {
  return h("div", { class: "rich-text" }, (block.elements ?? []).map(part));
}

function part(element) {
  const inside = () => (element.elements ?? []).map(piece);
  switch (element.type) {
    case "rich_text_section":
      return h("div", null, inside());
    case "rich_text_quote":
      return h("blockquote", null, inside());
    case "rich_text_preformatted":
      return h("pre", { class: "code-block", tabindex: "0" }, inside());
    case "rich_text_list": {
      const list = h(element.style === "ordered" ? "ol" : "ul", {
        class: `depth-${Math.min(element.indent ?? 0, 4)}`,
        start: element.offset ? String(element.offset + 1) : null,
      });
      return add(
        list,
        (element.elements ?? []).map((item) => h("li", null, part(item))),
      );
    }
    default:
      return null;
  }
}

const WRAPS = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code" };

function styled(node, style) {
  return Object.entries(WRAPS).reduce((inner, [name, tag]) => (style?.[name] ? h(tag, null, inner) : inner), node);
}

function piece(element) {
  switch (element.type) {
    case "text":
      return styled(
        element.text.split("\n").map((line, index) => (index ? [h("br"), line] : line)),
        element.style,
      );
    case "link":
      return styled(link(element.url, element.text || element.url) ?? element.text ?? element.url, element.style);
    case "emoji":
      return emojiFor(element.name) ?? `:${element.name}:`;
    case "user":
      return userMention(element.user_id);
    case "channel":
      return channelMention(element.channel_id);
    case "usergroup":
      return groupMention(element.usergroup_id);
    case "broadcast":
      return h("span", { class: "mention yours" }, `@${element.range}`);
    case "date":
      return formatDate(String(element.timestamp), element.format) ?? element.fallback ?? "";
    case "color":
      return element.value;
    default:
      return null;
  }
}
