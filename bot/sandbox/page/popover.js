/**
 * Owns what floats beside a control: menus, option lists, suggestions. One at a time.
 *
 * It is put into the open dialog if there is one, else into the body: outside the dialog it would be inert.
 */
import { h } from "./dom.js";

let open = null;

/** Floats `content` beside `anchor`; closes on Escape, a click elsewhere, or when the anchor goes away. Answers a closer. */
export function openPopover(anchor, content, { onClose, align = "start", prefer = "below", takesFocus = true } = {}) {
  open?.close(false);
  const frame = h("div", { class: "popover" }, content);
  (anchor.closest("dialog[open]") ?? document.body).append(frame);
  place(frame, anchor, align, prefer);

  const away = (event) => {
    if (!frame.contains(event.target) && !anchor.contains(event.target)) close(false);
  };
  const key = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close(true);
  };
  const moved = (event) => {
    if (!(event?.target instanceof Node) || !frame.contains(event.target)) keep();
  };
  function keep() {
    if (anchor.isConnected) place(frame, anchor, align, prefer);
    else close(false);
  }
  const watch = new MutationObserver(keep);

  function close(shouldReturnFocus) {
    if (open?.frame !== frame) return;
    open = null;
    watch.disconnect();
    document.removeEventListener("pointerdown", away, true);
    document.removeEventListener("keydown", key, true);
    window.removeEventListener("resize", keep);
    document.removeEventListener("scroll", moved, true);
    frame.remove();
    onClose?.();
    if (shouldReturnFocus && takesFocus && anchor.isConnected) anchor.focus();
  }

  document.addEventListener("pointerdown", away, true);
  document.addEventListener("keydown", key, true);
  window.addEventListener("resize", keep);
  document.addEventListener("scroll", moved, true);
  watch.observe(document.body, { childList: true, subtree: true });
  open = { frame, close };
  return (shouldReturnFocus = true) => close(shouldReturnFocus);
}

/** Whether something floats, so that Escape belongs to it. */
export const isPopoverOpen = () => open !== null;

const EDGE = 8;

function place(frame, anchor, align, prefer) {
  const box = anchor.getBoundingClientRect();
  frame.style.minWidth = `${Math.min(box.width, 480)}px`;
  const { offsetWidth: width, offsetHeight: height } = frame;
  const below = window.innerHeight - box.bottom - EDGE;
  const goesUp = prefer === "above" ? box.top > height + EDGE : below < height + 4 && box.top > below;
  const left = align === "end" ? box.right - width : box.left;
  frame.style.left = `${Math.max(EDGE, Math.min(left, window.innerWidth - width - EDGE))}px`;
  frame.style.top = `${Math.max(EDGE, goesUp ? box.top - height - 4 : Math.min(box.bottom + 4, window.innerHeight - height - EDGE))}px`;
}

/**
 * Opens a menu of {label, hint, danger, icon, run} items; arrows move, Enter chooses.
 * An item may be {title} alone: a heading.
 */
export function openMenu(anchor, label, items, { align = "end" } = {}) {
  let close = () => {};
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label, onkeydown: rove }, items.map(entry));

  function entry(item) {
    if (item.title) return h("div", { class: "menu-title", role: "presentation" }, item.title);
    const pick = () => {
      close(true);
      item.run();
    };
    return h(
      "button",
      {
        type: "button",
        class: item.danger ? "menu-item danger" : "menu-item",
        role: "menuitem",
        tabindex: "-1",
        onclick: pick,
      },
      item.icon,
      h(
        "span",
        null,
        h("span", { class: "menu-label" }, item.label),
        item.hint ? h("span", { class: "menu-hint" }, item.hint) : null,
      ),
    );
  }

  function rove(event) {
    const all = [...menu.querySelectorAll("[role=menuitem]")];
    const at = all.indexOf(document.activeElement);
    const next = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (event.key === "Tab") close(true);
    if (next === undefined) return;
    event.preventDefault();
    all[next].focus();
  }

  anchor.setAttribute("aria-expanded", "true");
  close = openPopover(anchor, menu, { align, onClose: () => anchor.setAttribute("aria-expanded", "false") });
  menu.querySelector("[role=menuitem]")?.focus();
}
