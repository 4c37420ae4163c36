/** Owns the short notices at the bottom: what an app or the sandbox has to say outside the conversation. */
import { h } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = 7000;
let region = null;

/** Shows `text` for a few seconds, above everything, dialogs included. */
export function toast(text, { kind = "notice" } = {}) {
  region ??= document.body.appendChild(
    h("div", { class: "toasts", role: "status", "aria-live": "polite", popover: "manual" }),
  );
  const close = () => {
    clearTimeout(timer);
    note.remove();
    if (!region.childElementCount) region.hidePopover();
  };
  const note = h(
    "div",
    { class: `toast ${kind}` },
    h("span", null, text),
    h(
      "button",
      { type: "button", class: "icon-button", "aria-label": "Dismiss notice", onclick: close },
      icon("close"),
    ),
  );
  const timer = setTimeout(close, SHOWN_MS);
  region.append(note);
  // The top layer is a stack: shown again, the notices come above a dialog that was opened after them.
  if (region.matches(":popover-open")) region.hidePopover();
  region.showPopover();
}
