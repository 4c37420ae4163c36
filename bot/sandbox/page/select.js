/** Owns the closed face of Block Kit's select elements, and what is picked in them: one or many. */
import { add, h } from "./dom.js";
import { icon } from "./icons.js";
import { optionList } from "./option_list.js";
import { openPopover } from "./popover.js";

/**
 * A select over `groups` [{label, options: [{key, label, hint}]}] with `chosen` keys.
 *
 * Calls `onPick(keys)` after each choice; `limit` 1 makes it a single select, which closes as it is picked; 0 is no limit.
 */
export function selectControl({
  groups,
  chosen,
  placeholder,
  label = placeholder,
  limit = 1,
  onPick,
  data,
  described,
}) {
  const keys = new Set(chosen);
  const options = groups.flatMap((group) => group.options);
  const isMany = limit !== 1;
  const face = h("span", { class: "select-face" });
  const props = {
    type: "button",
    class: "select",
    role: "combobox",
    data,
    "aria-haspopup": "listbox",
    "aria-expanded": "false",
    "aria-describedby": described,
    onclick: toggle,
    onkeydown: openByKey,
  };
  const button = h("button", props, face, icon("down"));
  let close = null;
  paint();
  return button;

  function paint() {
    const picked = options.filter((option) => keys.has(option.key)).map((option) => option.label);
    const chips = () => picked.map((words) => h("span", { class: "chip" }, words));
    face.replaceChildren();
    add(face, !picked.length ? h("span", { class: "select-empty" }, placeholder) : isMany ? chips() : picked);
    button.setAttribute("aria-label", picked.length ? `${label}: ${picked.join(", ")}` : label);
  }

  function openByKey(event) {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    toggle();
  }

  function toggle() {
    if (close) {
      close();
      return;
    }
    const list = optionList({
      groups,
      keys,
      label,
      isMany,
      onPick: (option) => pick(option, list),
      onLeave: () => close?.(),
    });
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", list.listId);
    close = openPopover(button, list.node, { onClose: closed });
    list.focus();
  }

  function closed() {
    close = null;
    button.setAttribute("aria-expanded", "false");
  }

  function pick(option, list) {
    if (!isMany) keys.clear();
    if (keys.has(option.key)) keys.delete(option.key);
    else if (!limit || keys.size < limit) keys.add(option.key);
    paint();
    if (isMany) list.draw();
    else close();
    onPick([...keys]);
  }
}
