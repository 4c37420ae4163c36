/**
 * Owns writing: the text field with its drafts, slash commands, mentions and formatting marks.
 *
 * What is typed goes out as typed; the sandbox escapes it. Only `@` and a full name is turned into a token here, because
 * a name of two words cannot be told from its surroundings later.
 */
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { act } from "./requests.js";
import { channelOf, nameOf, state, titleOf, you } from "./store.js";
import { suggestionBox } from "./suggestions.js";

const TALLEST_PX = 240;
const MARKS = [
  ["Bold", "*", "B"],
  ["Italic", "_", "I"],
  ["Strikethrough", "~", "S"],
  ["Code", "`", "</>"],
];
const drafts = new Map();

/** A composer; `aim({channel, threadTs})` says where it writes to. */
export function composer() {
  let target = null;
  const field = h("textarea", {
    rows: "1",
    class: "composer-field",
    oninput: typed,
    onkeydown: keyed,
    "aria-autocomplete": "list",
  });
  const send = h(
    "button",
    { type: "submit", class: "send", "aria-label": "Send message", title: "Send (Enter)" },
    icon("send"),
  );
  const fault = h("p", { class: "composer-fault", role: "alert" });
  const bar = h(
    "div",
    { class: "composer-bar" },
    MARKS.map(([name, mark, face]) =>
      h(
        "button",
        {
          type: "button",
          class: `mark mark-${name.toLowerCase()}`,
          "aria-label": name,
          title: name,
          onclick: () => wrap(mark),
        },
        face,
      ),
    ),
  );
  const hint = h("span", { class: "composer-hint" });
  const box = h(
    "form",
    { class: "composer-box", onsubmit: submit },
    field,
    h("div", { class: "composer-foot" }, bar, hint, send),
  );
  const node = h("div", { class: "composer" }, fault, box);
  const suggestions = suggestionBox(field, { takes: () => ({ commands: !target?.threadTs }), onPicked: typed });

  function aim(next) {
    const key = (place) => place && `${state.as} ${place.channel} ${place.threadTs ?? ""}`;
    const label = next.threadTs ? "Reply…" : `Message ${titleOf(channelOf(next.channel))}`;
    field.placeholder = label;
    field.setAttribute("aria-label", next.threadTs ? "Reply to thread" : label);
    if (field.dataset.place === key(next)) return;
    field.dataset.place = key(next);
    target = next;
    field.value = drafts.get(key(next)) ?? "";
    fault.textContent = "";
    suggestions.close();
    resize();
  }

  function typed() {
    drafts.set(field.dataset.place, field.value);
    fault.textContent = "";
    resize();
    suggestions.update();
  }

  function resize() {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, TALLEST_PX)}px`;
    send.disabled = !field.value.trim();
    hint.textContent = field.value.trim()
      ? "Enter to send · Shift + Enter for a new line"
      : `You write as ${nameOf(you())}`;
  }

  function keyed(event) {
    if (event.isComposing || suggestions.keyed(event)) return;
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    box.requestSubmit();
  }

  function wrap(mark) {
    const { selectionStart: from, selectionEnd: to, value } = field;
    field.setRangeText(`${mark}${value.slice(from, to)}${mark}`, from, to, "end");
    if (from === to) field.setSelectionRange(from + 1, from + 1);
    field.focus();
    typed();
  }

  async function submit(event) {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    const place = field.dataset.place;
    field.value = "";
    typed();
    const answer = await act({
      do: "post",
      channel: target.channel,
      ...(target.threadTs ? { thread_ts: target.threadTs } : {}),
      text: outgoing(text),
    });
    if (answer.ok) return;
    drafts.set(place, text);
    if (field.dataset.place === place && !field.value) field.value = text;
    resize();
    fault.textContent = answer.text || answer.error;
  }

  return { node, aim, focus: () => field.focus() };
}

/** Typed text with `@Name` of each member or group as its token. */
function outgoing(text) {
  if (text.startsWith("/")) return text;
  const { users, user_groups: groups } = state.workspace;
  const tokens = [
    ...users.map((user) => [nameOf(user), `<@${user.id}>`]),
    ...groups.map((group) => [group.handle, `<!subteam^${group.id}>`]),
  ];
  tokens.sort(([one], [other]) => other.length - one.length); // the longest name first: "Ana Lima" before "Ana"
  return tokens.reduce((words, [name, token]) => words.replace(mentionOf(name), `$1${token}`), text);
}

function mentionOf(name) {
  return new RegExp(`(^|\\s)@${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w-])`, "giu");
}
