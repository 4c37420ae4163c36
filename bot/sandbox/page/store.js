/**
 * Owns what the page knows: the workspace, who you act as, messages, read marks, where you are.
 *
 * Panes read `state` and draw it; only the functions here change it. `changed` gathers all changes of one turn of the
 * event loop into one drawing, so a burst of frames costs one pass.
 */

export const state = {
  workspace: null,
  as: null,
  place: null, // {kind: "channel", id} or {kind: "home"}
  thread: null, // {channel, ts} of the root whose thread is open
  highlight: null, // {channel, ts} of a message somebody followed a link to
  messages: new Map(), // channel id → Map(ts → message)
  home: null,
  status: {}, // what it is said of → {text, state}
  isOnline: false,
};

const painters = new Set();
let isPainting = false;

/** Calls `paint` after every change. */
export function onChange(paint) {
  painters.add(paint);
}

/** Says that the state changed; panes are drawn once, after the current turn. */
export function changed() {
  if (isPainting) return;
  isPainting = true;
  queueMicrotask(() => {
    isPainting = false;
    for (const paint of painters) paint();
  });
}

// --- the workspace, by id ---------------------------------------------------------------------------------------

/** The member with this id, or undefined. */
export const userOf = (id) => state.workspace?.users.find((user) => user.id === id);
/** The channel with this id, or undefined. */
export const channelOf = (id) => state.workspace?.channels.find((channel) => channel.id === id);
/** The user group with this id, or undefined. */
export const groupOf = (id) => state.workspace?.user_groups.find((group) => group.id === id);
/** Who the page acts as. */
export const you = () => userOf(state.as);
/** What to call a member. */
export const nameOf = (user) => user?.real_name || user?.name || "someone";
/** What a member is, in a few words. */
export const roleOf = (user) =>
  user?.title || (user?.is_stranger ? "Other workspace" : user?.is_restricted ? "Guest" : "");
/** The people (not apps) a person can act as. */
export const people = () => (state.workspace?.users ?? []).filter((user) => !user.is_bot && !user.deleted);

/** Whether you may see a channel at all: private ones and direct messages are for their members. */
export const isVisible = (channel) =>
  !(channel.is_im || channel.is_private) || Boolean(channel.members?.includes(state.as));
/** The channels on the left: all you may see but direct messages. */
export const listedChannels = () =>
  (state.workspace?.channels ?? []).filter((channel) => !channel.is_im && isVisible(channel));
/** Your direct messages with people. */
export const directMessages = () => yourDirect().filter((channel) => !userOf(partnerOf(channel))?.is_bot);
/** Your direct messages with the app, if there are any yet. */
export const appMessages = () => yourDirect().find((channel) => partnerOf(channel) === state.workspace.app.user_id);
/** Direct messages other apps opened with you. */
export const otherAppMessages = () =>
  yourDirect().filter(
    (channel) => userOf(partnerOf(channel))?.is_bot && partnerOf(channel) !== state.workspace.app.user_id,
  );

function yourDirect() {
  return (state.workspace?.channels ?? []).filter((channel) => channel.is_im && isVisible(channel));
}

/** Whom a direct message is with, seen from you. */
export function partnerOf(channel) {
  return channel.members?.find((id) => id !== state.as) ?? state.as;
}

/** How a channel is called in a sentence: "#incidents", or the other member's name. */
export function titleOf(channel) {
  if (!channel) return "";
  return channel.is_im ? nameOf(userOf(partnerOf(channel))) : `#${channel.name}`;
}

// --- messages -----------------------------------------------------------------------------------------------------

const byTs = (one, other) => (one.ts < other.ts ? -1 : one.ts > other.ts ? 1 : 0);
const isReply = (message) => message.thread_ts && message.thread_ts !== message.ts;

/** Replaces all that is known of a channel. */
export function setMessages(channel, messages) {
  state.messages.set(channel, new Map(messages.map((message) => [message.ts, message])));
  changed();
}

/** Whether a message is gone, and only its place is left because of its replies. */
export const isGone = (message) => message.deleted === true || message.subtype === "tombstone";

/** Adds or replaces one message. */
export function putMessage(channel, message) {
  if (!state.messages.has(channel)) state.messages.set(channel, new Map());
  state.messages.get(channel).set(message.ts, message);
  changed();
}

/** Takes a message away; a root that has replies stays as a tombstone, as in Slack. */
export function dropMessage(channel, ts) {
  const all = state.messages.get(channel);
  const message = all?.get(ts);
  if (!message) return;
  if (repliesTo(channel, ts).length) all.set(ts, { ts, thread_ts: ts, subtype: "tombstone" });
  else all.delete(ts);
  changed();
}

/** One message, or undefined. */
export const messageAt = (channel, ts) => state.messages.get(channel)?.get(ts);

/** What the channel itself shows, oldest first. */
export function rootsOf(channel) {
  return [...(state.messages.get(channel)?.values() ?? [])]
    .filter((message) => !isReply(message) || message.subtype === "thread_broadcast")
    .sort(byTs);
}

/** The replies to one message, oldest first, those that only you see included. */
export function repliesTo(channel, ts) {
  return [...(state.messages.get(channel)?.values() ?? [])]
    .filter((message) => isReply(message) && message.thread_ts === ts)
    .sort(byTs);
}

// --- read marks: this browser tab remembers, per member ----------------------------------------------------------

const OPENED = "sandbox-opened-at";

function openedAt() {
  if (!sessionStorage.getItem(OPENED)) sessionStorage.setItem(OPENED, (Date.now() / 1000).toFixed(6));
  return sessionStorage.getItem(OPENED);
}

function marks() {
  return JSON.parse(sessionStorage.getItem(`sandbox-read-${state.as}`) ?? "{}");
}

function readUpTo(key) {
  return marks()[key] ?? openedAt();
}

/** Notes that you have seen everything in the channel (`thread` = its root's ts for a thread). */
export function markRead(channel, thread) {
  const key = thread ? `${channel}/${thread}` : channel;
  const last = (thread ? repliesTo(channel, thread) : rootsOf(channel)).at(-1)?.ts;
  if (!last || last <= readUpTo(key)) return;
  sessionStorage.setItem(`sandbox-read-${state.as}`, JSON.stringify({ ...marks(), [key]: last }));
  changed();
}

/** Replies in a thread that you have not seen. */
export function unreadReplies(channel, ts) {
  const seen = readUpTo(`${channel}/${ts}`);
  return repliesTo(channel, ts).filter((reply) => reply.ts > seen && reply.user !== state.as);
}

/** {isUnread, count}: whether something is new in a channel, and how much of it calls for you by name. */
export function unreadIn(channel) {
  const seen = readUpTo(channel.id);
  const fresh = rootsOf(channel.id).filter(
    (message) => message.ts > seen && message.user !== state.as && !isGone(message),
  );
  const threads = rootsOf(channel.id).flatMap((root) => unreadReplies(channel.id, root.ts));
  const count = channel.is_im ? fresh.length + threads.length : [...fresh, ...threads].filter(isForYou).length;
  return { isUnread: fresh.length > 0 || count > 0, count };
}

/** Whether a message mentions you, a group you are in, or everyone. */
export function isForYou(message) {
  const words = JSON.stringify([message.text, message.blocks, message.attachments]);
  if (words.includes(`<@${state.as}>`) || words.includes(`<@${state.as}|`) || /<!(here|channel|everyone)/.test(words))
    return true;
  return state.workspace.user_groups.some(
    (group) => group.users?.includes(state.as) && words.includes(`<!subteam^${group.id}`),
  );
}
