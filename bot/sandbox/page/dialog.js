/** Owns modal `<dialog>`s: shown above the page, the focus kept inside and given back afterwards. */

/** Shows `dialog` until it is closed, then removes it, returns the focus and calls `onClosed`. */
export function showDialog(dialog, { onClosed } = {}) {
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.addEventListener("keydown", keepInside);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    onClosed?.();
  });
  dialog.showModal();
}

const REACHABLE = "a[href], button:not([disabled]), input:not([disabled]), textarea, select, [tabindex='0']";

// showModal makes the rest inert, but Tab on the last control would still leave for the browser's own bar.
function keepInside(event) {
  if (event.key !== "Tab") return;
  const all = [...event.currentTarget.querySelectorAll(REACHABLE)].filter((element) => element.offsetParent !== null);
  const edge = event.shiftKey ? all[0] : all.at(-1);
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? all.at(-1) : all[0]).focus();
}
