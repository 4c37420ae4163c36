/**
 * Owns modals: the stack of views an app opened on your screen, one dialog showing the top one.
 *
 * What the app says comes as frames, whenever it says it: a submission is pending from the click until a frame (or a
 * refusal) answers it. What is entered lives in the view's surface, so a pushed view gives back the one below unharmed.
 */
import { blockNodes } from "./blocks.js";
import { h } from "./dom.js";
import { showDialog } from "./dialog.js";
import { icon } from "./icons.js";
import { faultOf } from "./inputs.js";
import { wordsOf } from "./mrkdwn.js";
import { act } from "./requests.js";
import { state } from "./store.js";
import { modalSurface } from "./surface.js";

let stack = [];
let dialog = null;
let errors = {};
let isPending = false;

const top = () => stack.at(-1);

/** Takes a view frame; answers whether it was one. */
export function viewFrame(frame) {
  const { view } = frame;
  switch (frame.type) {
    case "view_opened":
      stack = [view];
      break;
    case "view_pushed":
      stack = [...stack, view];
      break;
    case "view_updated":
      if (!stack.some((one) => one.id === view.id)) return true;
      stack = stack.map((one) => (one.id === view.id ? view : one));
      break;
    case "view_closed":
      stack = after(frame);
      break;
    case "view_errors":
      break;
    default:
      return false;
  }
  errors = frame.type === "view_errors" ? frame.errors : {};
  isPending = false;
  draw();
  return true;
}

// Named, that view and those above it go (an echo of one already gone changes nothing); unnamed, the top one.
function after(frame) {
  if (frame.all) return [];
  const id = frame.view_id ?? frame.view?.id;
  if (!id) return stack.slice(0, -1);
  const at = stack.findIndex((view) => view.id === id);
  return at < 0 ? stack : stack.slice(0, at);
}

/** Takes all modals off the screen, when another member takes over. */
export function dropModals() {
  stack = [];
  draw();
}

function draw() {
  const view = top();
  if (!view) {
    dialog?.close();
    return;
  }
  const isFirst = !dialog;
  const isOther = dialog?.dataset.view !== view.id;
  const focused = dialog?.querySelector(":focus")?.dataset ?? {};
  dialog ??= h("dialog", { class: "dialog modal", oncancel: cancelled });
  dialog.dataset.view = view.id;
  dialog.setAttribute("aria-label", wordsOf(view.title) || "Form");
  const scrolled = dialog.querySelector(".dialog-body")?.scrollTop ?? 0;
  dialog.replaceChildren(form(view));
  if (isFirst) showDialog(dialog, { onClosed: () => (dialog = null) });
  if (!isOther) dialog.querySelector(".dialog-body").scrollTop = scrolled;
  focusOn(isOther ? {} : focused);
}

function focusOn({ blockId, actionId }) {
  const wrong = dialog.querySelector("[aria-invalid]");
  const same = actionId ? dialog.querySelector(`[data-block-id="${CSS.escape(blockId)}"][data-action-id="${CSS.escape(actionId)}"]`) : null;
  const first = dialog.querySelector("[autofocus], .dialog-body input, .dialog-body textarea, .dialog-body button, .dialog-body [role=combobox]");
  (wrong ?? same ?? first ?? dialog.querySelector(".dialog-foot button:last-child"))?.focus();
}

function form(view) {
  const surface = modalSurface(view.id);
  const submit = view.submit ? h("button", { type: "submit", class: "button primary", "aria-busy": isPending ? "true" : null }, wordsOf(view.submit)) : null;
  const back = stack.length > 1 ? h("button", { type: "button", class: "icon-button", "aria-label": "Back", onclick: closeTop }, icon("back")) : null;
  return h(
    "form",
    { novalidate: true, onsubmit: (event) => send(event, view, surface) },
    h("div", { class: "dialog-head" }, back, h("h2", null, wordsOf(view.title)), h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: closeAll }, icon("close"))),
    h("div", { class: "dialog-body" }, blockNodes(view.blocks, surface, { errors }), strayErrors(view)),
    h("div", { class: "dialog-foot" }, h("span", { class: "dialog-app" }, state.workspace.app.name), h("button", { type: "button", class: "button", onclick: closeTop }, wordsOf(view.close) || (submit ? "Cancel" : "Close")), submit),
  );
}

// An error for a block that is not an input has no place of its own; said at the end it is at least said.
function strayErrors(view) {
  const inputs = new Set(view.blocks.filter((block) => block.type === "input").map((block) => block.block_id));
  const stray = Object.entries(errors).filter(([blockId]) => !inputs.has(blockId));
  return stray.map(([, text]) => h("div", { class: "input-error", role: "alert" }, text));
}

async function send(event, view, surface) {
  event.preventDefault();
  if (isPending) return;
  surface.keepOnly(view.blocks);
  errors = {};
  for (const block of view.blocks.filter((one) => one.type === "input")) {
    const fault = faultOf(block, surface.value(block.block_id, block.element.action_id, null));
    if (fault) errors[block.block_id] = fault;
  }
  isPending = !Object.keys(errors).length;
  draw();
  if (!isPending) return;
  const answer = await act({ do: "submit_view", view_id: view.id, values: surface.values });
  isPending = false;
  if (!answer.ok) errors = { ...errors, "": answer.text || answer.error };
  if (top()?.id === view.id) draw();
}

function closeTop() {
  const view = top();
  stack = stack.slice(0, -1);
  errors = {};
  isPending = false;
  draw();
  if (view) act({ do: "close_view", view_id: view.id });
}

async function closeAll() {
  const views = [...stack].reverse();
  dropModals();
  for (const view of views) await act({ do: "close_view", view_id: view.id });
}

// Escape belongs to whatever floats above the form first; only then does it close the view.
function cancelled(event) {
  event.preventDefault();
  closeTop();
}
