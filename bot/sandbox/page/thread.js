/** Owns the thread pane beside the channel. */
import { composer } from "./composer.js";
import { conversation } from "./conversation.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { closeThread, onPlace } from "./places.js";
import { channelOf, markRead, messageAt, repliesTo, state, titleOf } from "./store.js";

/** Builds the pane; its `draw` follows the state. */
export function threadPane() {
  const where = h("span", { class: "topic" });
  const close = h(
    "button",
    { type: "button", class: "icon-button", "aria-label": "Close thread", onclick: closeThread },
    icon("close"),
  );
  const list = conversation("Thread");
  const write = composer();
  const node = h(
    "aside",
    { class: "thread", "aria-label": "Thread", hidden: true },
    h("header", { class: "pane-head" }, h("h2", null, "Thread"), where, close),
    list.node,
    write.node,
  );

  function draw() {
    const { thread } = state;
    node.hidden = !thread;
    if (!thread) return;
    const replies = repliesTo(thread.channel, thread.ts);
    const root = messageAt(thread.channel, thread.ts) ?? { ts: thread.ts, thread_ts: thread.ts, subtype: "tombstone" };
    where.textContent = titleOf(channelOf(thread.channel));
    list.show(`${state.as} ${thread.channel} ${thread.ts}`, thread.channel, [root, ...replies], { inThread: true });
    divide(list.node, root.ts, replies.length);
    write.aim({ channel: thread.channel, threadTs: thread.ts });
    if (!document.hidden) markRead(thread.channel, thread.ts);
  }

  onPlace("reply", () => queueMicrotask(() => write.focus())); // once the pane is drawn
  return { node, draw };
}

// The count stands under the root as an attribute that the stylesheet draws, so the list's rows stay messages only.
function divide(frame, rootTs, count) {
  const root = frame.querySelector(`[data-key="${CSS.escape(rootTs)}"]`);
  if (!root) return;
  root.classList.add("thread-root");
  root.dataset.replies = count === 0 ? "" : count === 1 ? "1 reply" : `${count} replies`;
}
