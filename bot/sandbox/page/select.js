/** Owns the option lists of Block Kit's select elements: one or many, in groups, found by typing. */
import { add, h, reconcile, uid } from "./dom.js";
import { icon } from "./icons.js";
import { openPopover } from "./popover.js";

const SEARCH_FROM = 7;

/**
 * A select over `groups` [{label, options: [{key, label, hint}]}] with `chosen` keys.
 *
 * Calls `onPick(keys)` after each choice; `limit` 1 makes it a single select, which closes as it is picked.
 */
export function selectControl({ groups, chosen, placeholder, label, limit = 1, onPick, data, described }) {
  const keys = new Set(chosen);
  const options = groups.flatMap((group) => group.options);
  const isMany = limit !== 1;
  const listId = uid("options");
  const face = h("span", { class: "select-face" });
  const button = h(
    "button",
    {
      type: "button", class: "select", role: "combobox", data, "aria-haspopup": "listbox", "aria-expanded": "false",
      "aria-label": label ?? placeholder, "aria-describedby": described, onclick: show, onkeydown: openByKey,
    },
    face,
    icon("down"),
  );
  let close = null;
  paintFace();
  return button;

  function paintFace() {
    const picked = options.filter((option) => keys.has(option.key));
    face.replaceChildren();
    if (!picked.length) add(face, h("span", { class: "select-empty" }, placeholder));
    else if (isMany) add(face, picked.map((option) => h("span", { class: "chip" }, option.label)));
    else add(face, picked[0].label);
    button.setAttribute("aria-label", [label ?? placeholder, picked.map((option) => option.label).join(", ")].filter(Boolean).join(": "));
  }

  function openByKey(event) {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    show();
  }

  function show() {
    if (close) {
      close();
      return;
    }
    let active = Math.max(0, options.findIndex((option) => keys.has(option.key)));
    let shown = options;
    const list = h("div", { class: "options", role: "listbox", id: listId, "aria-label": label ?? placeholder, "aria-multiselectable": isMany ? "true" : null });
    const search = h("input", {
      class: options.length < SEARCH_FROM ? "option-search unseen" : "option-search", type: "text", role: "combobox", autocomplete: "off", "aria-expanded": "true",
      "aria-controls": listId, "aria-label": `Find in ${label ?? placeholder}`, placeholder: "Type to find", oninput: filter, onkeydown: steer,
    });
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", listId);
    draw();
    close = openPopover(button, h("div", { class: "select-popover" }, search, list), {
      onClose: () => {
        close = null;
        button.setAttribute("aria-expanded", "false");
      },
    });
    search.focus();
    list.querySelector(".active")?.scrollIntoView({ block: "nearest" });

    function filter() {
      const wanted = search.value.trim().toLowerCase();
      shown = options.filter((option) => option.label.toLowerCase().includes(wanted));
      active = 0;
      draw();
    }

    function steer(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && shown.length) {
        event.preventDefault();
        active = (active + step + shown.length) % shown.length;
        draw();
        list.querySelector(".active")?.scrollIntoView({ block: "nearest" });
      } else if (event.key === "Enter" || (event.key === " " && search.value === "")) {
        event.preventDefault();
        if (shown[active]) pick(shown[active]);
      } else if (event.key === "Tab") close?.();
    }

    function draw() {
      const rows = [];
      for (const group of groups) {
        const inside = group.options.filter((option) => shown.includes(option));
        if (group.label && inside.length) rows.push({ key: `group ${group.label}`, print: "", build: () => h("div", { class: "menu-title", role: "presentation" }, group.label) });
        for (const option of inside) rows.push(row(option));
      }
      if (!rows.length) rows.push({ key: "none", print: "", build: () => h("div", { class: "menu-title", role: "presentation" }, "No matches") });
      reconcile(list, rows);
      search.setAttribute("aria-activedescendant", list.querySelector(".active")?.id ?? "");
    }

    function row(option) {
      const isActive = shown[active] === option;
      const isPicked = keys.has(option.key);
      return {
        key: `option ${option.key}`,
        print: `${isActive} ${isPicked}`,
        build: () =>
          h(
            "div",
            { class: isActive ? "option active" : "option", role: "option", id: uid("option"), "aria-selected": String(isPicked), onclick: () => pick(option) },
            h("span", { class: "option-check" }, isPicked ? icon("check") : null),
            h("span", null, h("span", { class: "menu-label" }, option.label), option.hint ? h("span", { class: "menu-hint" }, option.hint) : null),
          ),
      };
    }

    function pick(option) {
      if (!isMany) {
        keys.clear();
        keys.add(option.key);
        close();
      } else if (keys.has(option.key)) keys.delete(option.key);
      else if (!limit || keys.size < limit) keys.add(option.key);
      paintFace();
      if (isMany) draw();
      onPick([...keys]);
    }
  }
}
