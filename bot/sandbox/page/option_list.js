/** Owns the list of options that floats under a select: found by typing, steered by arrows, picked by Enter or click. */
import { h, reconcile, uid } from "./dom.js";
import { icon } from "./icons.js";

const SEARCH_FROM = 7; // with fewer options the field is there for the keyboard, but not shown

/**
 * An option list over `groups` [{label, options: [{key, label, hint}]}]; `keys` is the live set of what is picked.
 *
 * Calls `onPick(option)`, and `onLeave()` on Tab. Answers {node, listId, focus, draw}; `draw` follows `keys`.
 */
export function optionList({ groups, keys, label, isMany, onPick, onLeave }) {
  const options = groups.flatMap((group) => group.options);
  const listId = uid("options");
  let shown = options;
  let active = Math.max(
    0,
    options.findIndex((option) => keys.has(option.key)),
  );
  const list = h("div", {
    class: "options",
    role: "listbox",
    id: listId,
    "aria-label": label,
    "aria-multiselectable": isMany ? "true" : null,
  });
  const search = h("input", {
    class: options.length < SEARCH_FROM ? "option-search unseen" : "option-search",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    placeholder: "Type to find",
    "aria-expanded": "true",
    "aria-controls": listId,
    "aria-label": `Find in ${label}`,
    oninput: filter,
    onkeydown: steer,
  });
  draw();
  return { node: h("div", { class: "select-popover" }, search, list), listId, focus, draw };

  function focus() {
    search.focus();
    reveal();
  }

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    shown = options.filter((option) => option.label.toLowerCase().includes(wanted));
    active = 0;
    draw();
  }

  function steer(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const isPick = event.key === "Enter" || (event.key === " " && search.value === "");
    if (event.key === "Tab") onLeave();
    if (!step && !isPick) return;
    event.preventDefault();
    if (!shown.length) return;
    if (isPick) {
      onPick(shown[active]);
      return;
    }
    active = (active + step + shown.length) % shown.length;
    draw();
    reveal();
  }

  function reveal() {
    list.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }

  function draw() {
    const rows = groups.flatMap((group) => {
      const inside = group.options.filter((option) => shown.includes(option));
      return [...(group.label && inside.length ? [titleRow(group.label)] : []), ...inside.map(row)];
    });
    reconcile(list, rows.length ? rows : [titleRow("No matches")]);
    search.setAttribute("aria-activedescendant", list.querySelector(".active")?.id ?? "");
  }

  function row(option) {
    const isActive = shown[active] === option;
    const isPicked = keys.has(option.key);
    const props = {
      class: isActive ? "option active" : "option",
      role: "option",
      id: uid("option"),
      "aria-selected": String(isPicked),
      onclick: () => onPick(option),
    };
    const build = () =>
      h(
        "div",
        props,
        h("span", { class: "option-check" }, isPicked ? icon("check") : null),
        h(
          "span",
          null,
          h("span", { class: "menu-label" }, option.label),
          option.hint ? h("span", { class: "menu-hint" }, option.hint) : null,
        ),
      );
    return { key: `option ${option.key}`, print: `${isActive} ${isPicked}`, build };
  }
}

function titleRow(words) {
  const build = () => h("div", { class: "menu-title", role: "presentation" }, words);
  return { key: `title ${words}`, print: "", build };
}
