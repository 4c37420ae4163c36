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

/** Takes a view frame; answers whether it was one. `onUnsure` must bring the frames of what is open once more. */
export function viewFrame(frame, { onUnsure }) {
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
      // One of several, or all of them? The frame does not say; whoever sends it says it again on a new line.
      if (stack.length > 1) onUnsure();
      stack = [];
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

/** Takes all modals off the screen, when another member takes over. */
export function dropModals() {
  stack = [];
  errors = {};
  isPending = false;
  draw();
}

function draw() {
  const view = top();
  if (!view) {
    const closing = dialog; // its close event comes later, when another view may already have opened
    dialog = null;
    closing?.close();
    return;
  }
  const isFirst = !dialog;
  const isOther = dialog?.dataset.view !== view.id;
  const focused = dialog?.querySelector(":focus")?.dataset ?? {};
  dialog ??= h("dialog", { class: "dialog modal", oncancel: cancelled, onkeydown: escaped });
  dialog.dataset.view = view.id;
  dialog.setAttribute("aria-label", wordsOf(view.title) || "Form");
  const scrolled = dialog.querySelector(".dialog-body")?.scrollTop ?? 0;
  dialog.replaceChildren(form(view));
  if (isFirst) show(dialog);
  if (!isOther) dialog.querySelector(".dialog-body").scrollTop = scrolled;
  focusOn(isOther ? {} : focused);
}

function show(mine) {
  showDialog(mine, {
    onClosed() {
      if (dialog !== mine) return;
      dialog = null; // the browser closed it, as it may on a second Escape
      closeAll();
    },
  });
}

function focusOn({ blockId, actionId }) {
  const wrong = dialog.querySelector("[aria-invalid]");
  const same = actionId
    ? dialog.querySelector(`[data-block-id="${CSS.escape(blockId)}"][data-action-id="${CSS.escape(actionId)}"]`)
    : null;
  const first = dialog.querySelector(
    "[autofocus], .dialog-body input, .dialog-body textarea, .dialog-body button, .dialog-body [role=combobox]",
  );
  (wrong ?? same ?? first ?? dialog.querySelector(".dialog-foot button:last-child"))?.focus();
}

function form(view) {
  const surface = modalSurface(view.id);
  const submit = view.submit
    ? h(
        "button",
        { type: "submit", class: "button primary", "aria-busy": isPending ? "true" : null },
        wordsOf(view.submit),
      )
    : null;
  const back =
    stack.length > 1
      ? h("button", { type: "button", class: "icon-button", "aria-label": "Back", onclick: closeTop }, icon("back"))
      : null;
  return h(
    "form",
    { novalidate: true, onsubmit: (event) => send(event, view, surface) },
    h(
      "div",
      { class: "dialog-head" },
      back,
      h("h2", null, wordsOf(view.title)),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: closeAll }, icon("close")),
    ),
    h("div", { class: "dialog-body" }, blockNodes(view.blocks, surface, { errors }), strayErrors(view)),
    h(
      "div",
      { class: "dialog-foot" },
      h("span", { class: "dialog-app" }, state.workspace.app.name),
      h(
        "button",
        { type: "button", class: "button", onclick: closeTop },
        wordsOf(view.close) || (submit ? "Cancel" : "Close"),
      ),
      submit,
    ),
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
  if (!isGone(answer) && !answer.ok) errors = { ...errors, "": answer.text || answer.error };
  isPending = false;
  if (top()?.id === view.id) draw();
}

// The frame that follows takes it off the screen, here and in every other window of the same member.
async function closeTop() {
  const view = top();
  if (view) isGone(await act({ do: "close_view", view_id: view.id }));
}

async function closeAll() {
  const view = top();
  dropModals();
  if (view) await act({ do: "close_view", view_id: view.id, is_cleared: true });
}

// Another window of the same member may have closed it first.
function isGone(answer) {
  if (answer.error !== "not_there") return false;
  dropModals();
  return true;
}

// Whatever floats above the form takes Escape for itself; what arrives here is meant for the view.
function escaped(event) {
  if (event.key === "Escape") cancelled(event);
}

function cancelled(event) {
  event.preventDefault();
  closeTop();
}
