/** Owns Block Kit's layout blocks: what each looks like; the elements inside are `elements.js`. */
import { add, h, uid } from "./dom.js";
import { elementNode, picture } from "./elements.js";
import { markdown } from "./markdown.js";
import { textObject, wordsOf } from "./mrkdwn.js";
import { richText } from "./rich_text.js";

/** All blocks of a surface, in order. `errors` are {block_id: text} under input blocks. */
export function blockNodes(blocks, surface, { errors = {} } = {}) {
  return (blocks ?? []).map((block, index) => {
    const blockId = block.block_id ?? `block-${index}`;
    const draw = BLOCKS[block.type];
    if (!draw) return h("div", { class: "block unknown-part" }, `[${block.type}: not drawn here]`);
    const node = draw(block, { surface, blockId, error: errors[blockId] });
    node.classList.add("block");
    node.dataset.blockId = blockId;
    return node;
  });
}

const BLOCKS = {
  header: (block) => h("h3", { class: "block-header" }, textObject(block.text)),
  divider: () => h("hr"),
  section,
  context: (block) => h("div", { class: "block-context" }, (block.elements ?? []).map(contextPart)),
  actions: (block, place) =>
    h(
      "div",
      { class: "block-actions", role: "group" },
      (block.elements ?? []).map((element) => elementNode(element, { ...place, label: labelOf(element) })),
    ),
  input,
  image: (block) =>
    h(
      "figure",
      { class: "block-image" },
      block.title ? h("figcaption", null, textObject(block.title)) : null,
      picture(block, "block-picture"),
    ),
  rich_text: richText,
  markdown: (block) => h("div", { class: "rich markdown" }, markdown(block.text ?? "")),
  table,
};

function section(block, place) {
  const words = h("div", { class: "section-words" });
  if (block.text) add(words, h("div", { class: "rich" }, textObject(block.text)));
  if (block.fields?.length)
    add(
      words,
      h(
        "div",
        { class: "fields" },
        block.fields.map((field) => h("div", { class: "rich field" }, textObject(field))),
      ),
    );
  const accessory = block.accessory
    ? h("div", { class: "accessory" }, elementNode(block.accessory, { ...place, label: labelOf(block.accessory) }))
    : null;
  return h("div", { class: "block-section" }, words, accessory);
}

function labelOf(element) {
  return element.accessibility_label ?? (element.placeholder ? wordsOf(element.placeholder) : undefined);
}

function contextPart(element) {
  if (element.type === "image") return picture(element, "context-image");
  return h("span", { class: "rich" }, textObject(element));
}

function input(block, { surface, blockId, error }) {
  const label = wordsOf(block.label);
  const errorId = uid("error");
  const hintId = uid("hint");
  const described = [error ? errorId : null, block.hint ? hintId : null].filter(Boolean).join(" ") || null;
  const place = { surface, blockId, label, described, isInput: true, dispatches: block.dispatch_action === true };
  const control = elementNode(block.element, place);
  if (error)
    (control.matches("input, textarea, button, [role]") ? control : control.firstElementChild)?.setAttribute(
      "aria-invalid",
      "true",
    );
  return h(
    "div",
    { class: error ? "block-input wrong" : "block-input" },
    h("div", { class: "input-label" }, label, block.optional ? h("span", { class: "optional" }, " (optional)") : null),
    control,
    h("div", { class: "input-error", id: errorId, role: error ? "alert" : null }, error),
    block.hint ? h("div", { class: "input-hint", id: hintId }, textObject(block.hint)) : null,
  );
}

function table(block) {
  const settings = block.column_settings ?? [];
  const cell = (tag) => (content, column) => {
    const node = h(tag, { class: `align-${settings[column]?.align ?? "left"}`, scope: tag === "th" ? "col" : null });
    if (content.type === "rich_text") return add(node, richText(content));
    return add(node, content.text ?? String(content.value ?? ""));
  };
  const [head, ...rows] = block.rows ?? [];
  return h(
    "div",
    { class: "table-frame", tabindex: "0", role: "region", "aria-label": "Table" },
    h(
      "table",
      null,
      h("thead", null, h("tr", null, (head ?? []).map(cell("th")))),
      h(
        "tbody",
        null,
        rows.map((row) => h("tr", null, row.map(cell("td")))),
      ),
    ),
  );
}
