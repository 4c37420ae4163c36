/**
 * Owns drawing the `markdown` block: standard Markdown (headings, lists, fences, quotes, tables, links), by lines.
 *
 * Raw HTML and images have no meaning here and stay text. Only the subset Slack documents for this block is known.
 */
import { add, fragment, h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { link } from "./mrkdwn.js";

const FENCE = /^\s*```/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const DIVIDER_ROW = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

const DEEPEST_QUOTE = 5;

/** Markdown as nodes; quotes nested deeper than anybody reads stay text. */
export function markdown(text, depth = 0) {
  const rows = text.split("\n");
  const out = fragment();
  let at = 0;
  while (at < rows.length) at = blockAt(rows, at, out, depth);
  return out;
}

/** Draws the block that begins at row `at`; answers the row after it. */
function blockAt(rows, at, out, depth) {
  const row = rows[at];
  if (!row.trim()) return at + 1;
  if (FENCE.test(row)) return fence(rows, at, out);
  if (RULE.test(row)) {
    add(out, h("hr"));
    return at + 1;
  }
  const heading = HEADING.exec(row);
  if (heading) {
    add(out, h(heading[1].length < 2 ? "h4" : "h5", null, spans(heading[2])));
    return at + 1;
  }
  if (row.startsWith(">") && depth < DEEPEST_QUOTE) return quote(rows, at, out, depth);
  if (ITEM.test(row)) return list(rows, at, out);
  if (row.includes("|") && DIVIDER_ROW.test(rows[at + 1] ?? "")) return table(rows, at, out);
  return paragraph(rows, at, out);
}

function fence(rows, at, out) {
  let end = at + 1;
  while (end < rows.length && !FENCE.test(rows[end])) end += 1;
  add(out, h("pre", { class: "code-block", tabindex: "0" }, rows.slice(at + 1, end).join("\n")));
  return end + 1;
}

function quote(rows, at, out, depth) {
  let end = at;
  while (end < rows.length && rows[end].startsWith(">")) end += 1;
  add(
    out,
    h(
      "blockquote",
      null,
      markdown(
        rows
          .slice(at, end)
          .map((row) => row.replace(/^> ?/, ""))
          .join("\n"),
        depth + 1,
      ),
    ),
  );
  return end;
}

function list(rows, at, out) {
  const indent = ITEM.exec(rows[at])[1].length;
  const isOrdered = /\d/.test(ITEM.exec(rows[at])[2]);
  const node = h(isOrdered ? "ol" : "ul", { start: isOrdered ? String(parseInt(ITEM.exec(rows[at])[2], 10)) : null });
  while (at < rows.length) {
    const item = ITEM.exec(rows[at]);
    if (!item || item[1].length < indent) break;
    if (item[1].length > indent) at = list(rows, at, node.lastElementChild ?? node);
    else {
      add(node, h("li", null, spans(item[3])));
      at += 1;
    }
  }
  add(out, node);
  return at;
}

function table(rows, at, out) {
  const cells = (row) =>
    row
      .trim()
      .replace(/^\||\|$/g, "")
      .split("|")
      .map((cell) => spans(cell.trim()));
  let end = at + 2;
  while (end < rows.length && rows[end].includes("|")) end += 1;
  const head = h(
    "tr",
    null,
    cells(rows[at]).map((cell) => h("th", { scope: "col" }, cell)),
  );
  const body = rows.slice(at + 2, end).map((row) =>
    h(
      "tr",
      null,
      cells(row).map((cell) => h("td", null, cell)),
    ),
  );
  add(
    out,
    h("div", { class: "table-frame", tabindex: "0" }, h("table", null, h("thead", null, head), h("tbody", null, body))),
  );
  return end;
}

function paragraph(rows, at, out) {
  const node = h("p");
  let end = at;
  while (end < rows.length && rows[end].trim() && (end === at || !startsBlock(rows[end]))) {
    add(node, end > at ? h("br") : null, spans(rows[end]));
    end += 1;
  }
  add(out, node);
  return end;
}

const startsBlock = (row) =>
  FENCE.test(row) || HEADING.test(row) || RULE.test(row) || ITEM.test(row) || row.startsWith(">");

const SPAN =
  /(?<code>`[^`\n]+`)|\[(?<label>[^\]\n]+)\]\((?<url>[^)\s]+)\)|(?<strong>\*\*|__)(?=\S)(?<bold>.+?)(?<=\S)\k<strong>|(?<em>[*_])(?=\S)(?<slanted>.+?)(?<=\S)\k<em>(?!\w)|~~(?<gone>.+?)~~|(?<bare>https?:\/\/[^\s<>()"'`]+)/g;

function spans(text) {
  const out = fragment();
  let last = 0;
  for (const match of text.matchAll(SPAN)) {
    const node = span(match.groups);
    if (!node) continue;
    add(out, withEmoji(text.slice(last, match.index)), node);
    last = match.index + match[0].length;
  }
  return add(out, withEmoji(text.slice(last)));
}

function span({ code, label, url, bold, slanted, gone, bare }) {
  if (code) return h("code", null, code.slice(1, -1));
  if (label) return link(url, spans(label));
  if (bold) return h("strong", null, spans(bold));
  if (slanted) return h("em", null, spans(slanted));
  if (gone) return h("s", null, spans(gone));
  return link(bare, bare);
}
