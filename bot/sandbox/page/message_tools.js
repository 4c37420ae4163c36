/** Owns what one can do with a message from its corner. */
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { addressOf, openThread } from "./places.js";
import { openMenu } from "./popover.js";
import { act } from "./requests.js";
import { state } from "./store.js";
import { toast } from "./toast.js";

/** The buttons over a message: reply, copy its link, and the shortcuts apps offer for messages. */
export function messageTools(channel, message, { inThread }) {
  const shortcuts = state.workspace.shortcuts.filter((shortcut) => shortcut.type === "message");
  const root = message.thread_ts ?? message.ts;
  const more = h(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": "More actions",
      title: "More actions",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      onclick: showMore,
    },
    icon("more"),
  );
  return h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Message actions" },
    inThread
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": "Reply in thread",
            title: "Reply in thread",
            onclick: () => openThread(channel, root, { shouldFocus: true }),
          },
          icon("reply"),
        ),
    h(
      "button",
      { type: "button", class: "icon-button", "aria-label": "Copy link to message", title: "Copy link", onclick: copy },
      icon("link"),
    ),
    more,
  );

  async function copy() {
    const address = new URL(addressOf(channel, message.ts), location.href).href;
    try {
      await navigator.clipboard.writeText(address);
      toast("Link copied.");
    } catch {
      toast(`This browser does not let the page copy. The link is ${address}`);
    }
  }

  function showMore() {
    const items = [
      ...(shortcuts.length ? [{ title: state.workspace.app.name }] : []),
      ...shortcuts.map((shortcut) => ({
        label: shortcut.name,
        icon: icon("bolt"),
        async run() {
          const answer = await act({ do: "shortcut", callback_id: shortcut.callback_id, channel, ts: message.ts });
          if (!answer.ok) toast(answer.text || answer.error);
        },
      })),
      { title: "Message" },
      { label: "Copy link", icon: icon("link"), run: copy },
    ];
    openMenu(more, "More actions", items);
  }
}
