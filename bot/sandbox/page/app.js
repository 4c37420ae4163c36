/**
 * The page's composition root: builds the panes, loads the workspace, follows it live, and lets you be somebody else.
 *
 * One rule keeps loading and living apart: frames that come while everything is being read are kept and applied after it.
 * Each of them replaces a whole message, so one that the reading already contained does no harm.
 */
import { channelPane } from "./channel.js";
import { h } from "./dom.js";
import { dropModals, viewFrame } from "./modal.js";
import { closeThread, followAddress, onPlace } from "./places.js";
import { isPopoverOpen } from "./popover.js";
import { follow, read } from "./requests.js";
import { sidebar } from "./sidebar.js";
import {
  changed,
  channelOf,
  dropMessage,
  isVisible,
  nameOf,
  onChange,
  people,
  putMessage,
  setMessages,
  state,
  you,
} from "./store.js";
import { strip } from "./strip.js";
import { forgetSurfaces } from "./surface.js";
import { threadPane } from "./thread.js";
import { authorOf } from "./message.js";
import { toast } from "./toast.js";

const ACTING_AS = "sandbox-acting-as";
const spoken = h("div", { class: "unseen", "aria-live": "polite", role: "log", "aria-label": "New messages" });
const offline = h(
  "div",
  { class: "offline", role: "alert", hidden: true },
  "The sandbox is not answering. Trying again…",
);
const panes = [strip({ become }), sidebar(), channelPane(), threadPane()];
let stop = () => {};
let epoch = 0; // every change of member starts a new one; answers of an older one are thrown away

document.body.append(
  h("a", { class: "skip", href: "#conversation", onclick: skip }, "Skip to the conversation"),
  panes[0].node,
  h(
    "div",
    { class: "workspace" },
    panes.slice(1).map((pane) => pane.node),
  ),
  offline,
  spoken,
);
onChange(() => {
  if (state.workspace) for (const pane of panes) pane.draw();
});
window.addEventListener("hashchange", followAddress);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.thread && !isPopoverOpen() && !document.querySelector("dialog[open]"))
    closeThread();
});
onPlace("home", () => readHome(epoch));
start();

function skip(event) {
  event.preventDefault();
  document.getElementById("conversation").focus();
}

async function start() {
  try {
    state.workspace = await read("workspace");
  } catch {
    offline.hidden = false;
    setTimeout(start, 1000);
    return;
  }
  const wished = new URLSearchParams(location.search).get("as") ?? sessionStorage.getItem(ACTING_AS);
  const isMember = people().some((user) => user.id === wished);
  live(isMember ? wished : state.workspace.you);
}

/** Acts as another member from now on: their messages, their modals, their drafts. */
function become(id) {
  if (id === state.as) return;
  dropModals();
  forgetSurfaces();
  state.home = null;
  live(id);
  spoken.textContent = `You are now ${nameOf(you())}.`;
}

function live(id) {
  stop();
  epoch += 1;
  const mine = epoch;
  state.as = id;
  sessionStorage.setItem(ACTING_AS, id);
  let waiting = []; // frames kept while everything is read; null once it has been
  stop = follow(id, {
    async onUp() {
      waiting = [];
      dropModals(); // those still open come again as the first frames
      try {
        await readAll(mine);
      } catch {
        return; // the socket is going down too, and comes back with another onUp
      }
      if (mine !== epoch) return;
      const kept = waiting;
      waiting = null;
      kept.forEach((frame) => apply(frame));
    },
    onFrame(frame) {
      if (waiting && frame.channel) waiting.push(frame);
      else apply(frame);
    },
    onDown() {
      state.isOnline = false;
      offline.hidden = false;
      changed();
    },
  });
  changed();
}

async function readAll(mine) {
  const workspace = await read("workspace");
  if (mine !== epoch) return;
  state.workspace = workspace;
  const seen = workspace.channels.filter(isVisible);
  await Promise.all(seen.map((channel) => readChannel(channel.id, mine)));
  if (mine !== epoch) return;
  for (const id of [...state.messages.keys()])
    if (!seen.some((channel) => channel.id === id)) state.messages.delete(id);
  const isFirst = !state.place;
  if (isFirst || !(state.place.kind === "home" || seen.some((channel) => channel.id === state.place.id)))
    followAddress();
  else if (state.place.kind === "home") readHome(mine);
  state.isOnline = true;
  offline.hidden = true;
  changed();
}

async function readChannel(id, mine) {
  const { messages } = await read("messages", { channel: id, as: state.as });
  if (mine === epoch) setMessages(id, messages ?? []);
}

async function readHome(mine) {
  try {
    const { view } = await read("home", { as: state.as });
    if (mine === epoch && view) state.home = view;
    changed();
  } catch {
    toast("App Home could not be read from the sandbox.");
  }
}

function apply(frame) {
  if (viewFrame(frame, { onUnsure: () => live(state.as) })) return;
  switch (frame.type) {
    case "message":
    case "ephemeral":
      speak(frame.message);
      receive(frame);
      break;
    case "message_changed":
      receive(frame);
      break;
    case "message_deleted":
      dropMessage(frame.channel, frame.message?.ts ?? frame.ts);
      break;
    case "home":
      state.home = frame.view;
      changed();
      break;
    case "status":
      state.status = { ...state.status, [frame.of]: { text: frame.text, state: frame.state } };
      changed();
      break;
    case "toast":
      toast(frame.text);
      break;
    default: // a newer sandbox may say more than this page understands
  }
}

function receive(frame) {
  putMessage(frame.channel, frame.message);
  // A conversation or a member this page has not heard of: a direct message was opened, somebody joined.
  if (!channelOf(frame.channel)) readAll(epoch).catch(() => toast("The sandbox is not answering."));
}

function speak(message) {
  if (message.user === state.as) return;
  spoken.textContent = `${authorOf(message).name}: ${message.text ?? ""}`.slice(0, 300);
}
