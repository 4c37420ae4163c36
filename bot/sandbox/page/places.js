/**
 * Owns where you are: channel, App Home, open thread; and the address that says so.
 *
 * `#C…` is a channel, `#C…/ts` one message in it (its thread opens when it is a reply), `#home` the app's Home.
 */
import { changed, channelOf, isVisible, listedChannels, markRead, messageAt, state } from "./store.js";

const HIGHLIGHT_MS = 4000;
const places = new EventTarget();

/** Calls `listener(detail)` on "home" (the Home tab came up) and on "reply" (a thread's composer wants the focus). */
export function onPlace(name, listener) {
  places.addEventListener(name, (event) => listener(event.detail));
}

/** The address of a channel or of one message, to put behind the page's own. */
export const addressOf = (channel, ts) => (ts ? `#${channel}/${ts}` : `#${channel}`);

/** Shows a channel; its thread pane closes unless it belongs there. */
export function goChannel(id) {
  if (state.thread?.channel !== id) state.thread = null;
  state.place = { kind: "channel", id };
  write(addressOf(id));
  markRead(id);
  changed();
}

/** Shows the app's Home tab, and tells the app that somebody looks. */
export function goHome() {
  state.place = { kind: "home" };
  state.thread = null;
  write("#home");
  changed();
  places.dispatchEvent(new CustomEvent("home"));
}

/** Opens the thread of a root message beside its channel. */
export function openThread(channel, ts, { shouldFocus = false } = {}) {
  if (state.place?.id !== channel) goChannel(channel);
  state.thread = { channel, ts };
  markRead(channel, ts);
  changed();
  if (shouldFocus) places.dispatchEvent(new CustomEvent("reply"));
}

/** Closes the thread pane. */
export function closeThread() {
  state.thread = null;
  changed();
}

/** Goes where the address says; where it says nothing useful, to the first channel. */
export function followAddress() {
  const [id, ts] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (id === "home") {
    goHome();
    return;
  }
  const channel = [channelOf(id), channelOf(state.place?.id), listedChannels()[0]].find((one) => one && isVisible(one));
  if (!channel) return;
  goChannel(channel.id);
  if (ts && channel.id === id) show(channel.id, ts);
}

let fading = null;

function show(channel, ts) {
  const message = messageAt(channel, ts);
  write(addressOf(channel, ts));
  state.highlight = { channel, ts };
  if (message?.thread_ts && message.thread_ts !== ts) openThread(channel, message.thread_ts);
  changed();
  clearTimeout(fading);
  fading = setTimeout(() => {
    state.highlight = null;
    changed();
  }, HIGHLIGHT_MS);
}

function write(hash) {
  if (location.hash !== hash) history.replaceState(null, "", hash);
}
