/** Owns a scrolling list of messages: it stays at the end while you are there, and where you are while you read. */
import { h, reconcile } from "./dom.js";
import { messageRows } from "./message.js";
import { state } from "./store.js";

const NEAR_PX = 80;

/** A message list; `show(channel, messages, {lead})` draws it, `lead` being rows above the messages. */
export function conversation(label) {
  const list = h("ol", { class: "messages", "aria-label": label, onkeydown: step, onfocusin: rove });
  const frame = h("div", { class: "scroller" }, list);
  let shown = null; // which conversation is on the screen
  let lastTs = null;
  let sought = null;

  function show(key, channel, messages, options) {
    const isNew = shown !== key;
    const wasAtEnd = frame.scrollHeight - frame.scrollTop - frame.clientHeight < NEAR_PX;
    const last = messages.at(-1);
    const isYours = last?.ts !== lastTs && last?.user === state.as;
    reconcile(list, [...(options?.lead ?? []), ...messageRows(channel, messages, options)]);
    if (isNew || wasAtEnd || isYours) frame.scrollTop = frame.scrollHeight;
    [shown, lastTs] = [key, last?.ts];
    if (!list.querySelector("[tabindex='0'].message")) list.lastElementChild?.setAttribute("tabindex", "0");
    seek(channel);
  }

  // Scrolls to the message a link named, once per link: later changes must not pull the reader back.
  function seek(channel) {
    if (state.highlight === sought) return;
    const ts = state.highlight?.channel === channel ? state.highlight.ts : null;
    const node = ts ? list.querySelector(`[data-ts="${CSS.escape(ts)}"]`) : null;
    if (!node && state.highlight) return;
    sought = state.highlight;
    node?.scrollIntoView({ block: "center" });
  }

  // One message is in the Tab order; the arrows move among them.
  function rove(event) {
    const message = event.target.closest(".message");
    if (!message) return;
    for (const other of list.querySelectorAll(".message[tabindex='0']")) other.setAttribute("tabindex", "-1");
    message.setAttribute("tabindex", "0");
  }

  function step(event) {
    const way = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!way || !event.target.matches(".message")) return;
    event.preventDefault();
    let next = event.target[way];
    while (next && !next.matches(".message")) next = next[way];
    next?.focus();
  }

  return { node: frame, show };
}
