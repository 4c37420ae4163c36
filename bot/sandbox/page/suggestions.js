/** Owns the list above a composer: slash commands and shortcuts after "/", members and groups after "@". */
import { avatar } from "./avatar.js";
import { h, uid } from "./dom.js";
import { icon } from "./icons.js";
import { openPopover } from "./popover.js";
import { act } from "./requests.js";
import { nameOf, roleOf, state } from "./store.js";
import { toast } from "./toast.js";

const MOST = 8;

/** Suggestions for `field`; `takes()` says whether commands are offered here, `onPicked` follows each insertion. */
export function suggestionBox(field, { takes, onPicked }) {
  const listId = uid("suggestions");
  let items = [];
  let active = 0;
  let close = null;

  function update() {
    items = wanted();
    active = 0;
    if (items.length) show();
    else close?.(false);
  }

  function wanted() {
    const before = field.value.slice(0, field.selectionStart);
    const command = /^\/\S*$/.exec(before);
    if (command && takes().commands) return commandItems(command[0]);
    const mention = /(?:^|\s)@([\w.-]*)$/.exec(before);
    return mention ? memberItems(mention[1]) : [];
  }

  function commandItems(start) {
    const known = state.workspace.commands.filter((one) => one.command.startsWith(start));
    const shortcuts = state.workspace.shortcuts.filter(
      (one) => one.type === "global" && one.name.toLowerCase().includes(start.slice(1).toLowerCase()),
    );
    return [
      ...known.map((one) => ({
        sign: "/",
        label: one.command,
        extra: one.usage_hint,
        hint: one.description,
        run: () => put(`${one.command} `, 0),
      })),
      ...shortcuts.map((one) => ({
        icon: icon("bolt"),
        label: one.name,
        hint: state.workspace.app.name,
        run: () => startShortcut(one),
      })),
    ].slice(0, MOST);
  }

  function memberItems(start) {
    const from = field.selectionStart - start.length - 1;
    const matches = (name) =>
      name
        ?.toLowerCase()
        .split(/\s/)
        .some((part) => part.startsWith(start.toLowerCase()));
    const users = state.workspace.users.filter(
      (user) => !user.deleted && (matches(nameOf(user)) || matches(user.name)),
    );
    const groups = state.workspace.user_groups.filter((group) => matches(group.handle));
    return [
      ...users.map((user) => ({
        icon: avatar(user),
        label: nameOf(user),
        hint: roleOf(user),
        run: () => put(`@${nameOf(user)} `, from),
      })),
      ...groups.map((group) => ({
        sign: "@",
        label: group.handle,
        hint: group.name,
        run: () => put(`@${group.handle} `, from),
      })),
    ].slice(0, MOST);
  }

  function put(text, from) {
    field.setRangeText(text, from, field.selectionStart, "end");
    field.focus();
    onPicked();
  }

  async function startShortcut(shortcut) {
    field.value = "";
    onPicked();
    const answer = await act({ do: "shortcut", callback_id: shortcut.callback_id });
    if (!answer.ok) toast(answer.text || answer.error);
  }

  function show() {
    const list = h(
      "div",
      { class: "menu suggestions", role: "listbox", id: listId, "aria-label": "Suggestions" },
      items.map(row),
    );
    if (close) close(false);
    close = openPopover(field.closest(".composer-box"), list, { prefer: "above", takesFocus: false, onClose: closed });
    field.setAttribute("aria-expanded", "true");
    field.setAttribute("aria-controls", listId);
    mark();
  }

  function closed() {
    close = null;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function row(item, index) {
    return h(
      "div",
      {
        class: "option",
        role: "option",
        id: `${listId}-${index}`,
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => pick(index),
      },
      h("span", { class: "option-sign" }, item.icon ?? item.sign),
      h(
        "span",
        null,
        h(
          "span",
          { class: "menu-label" },
          item.label,
          item.extra ? h("span", { class: "usage" }, ` ${item.extra}`) : null,
        ),
        item.hint ? h("span", { class: "menu-hint" }, item.hint) : null,
      ),
    );
  }

  function mark() {
    items.forEach((_item, index) => {
      const node = document.getElementById(`${listId}-${index}`);
      node?.classList.toggle("active", index === active);
      node?.setAttribute("aria-selected", String(index === active));
    });
    field.setAttribute("aria-activedescendant", `${listId}-${active}`);
  }

  function pick(index) {
    const item = items[index];
    close?.(false);
    item?.run();
  }

  /** Whether the list took the key. */
  function keyed(event) {
    if (!close || !items.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const isWhole = event.key === "Enter" && items[active]?.label === field.value.trim();
    if (isWhole) close(false);
    if (isWhole || (!step && event.key !== "Tab" && event.key !== "Enter")) return false;
    event.preventDefault();
    if (step) {
      active = (active + step + items.length) % items.length;
      mark();
    } else pick(active);
    return true;
  }

  return { update, keyed, close: () => close?.(false) };
}
