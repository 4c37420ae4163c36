/** Owns the left side: channels, direct messages, apps, with what is unread; and who you are at its foot. */
import { avatar } from "./avatar.js";
import { h, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { goChannel, goHome } from "./places.js";
import {
  appMessages,
  directMessages,
  listedChannels,
  nameOf,
  otherAppMessages,
  partnerOf,
  roleOf,
  state,
  titleOf,
  unreadIn,
  userOf,
  you,
} from "./store.js";

/** Builds the sidebar; its `draw` follows the state. */
export function sidebar() {
  const team = h("div", { class: "team" });
  const channels = h("ul", { class: "places" });
  const direct = h("ul", { class: "places" });
  const apps = h("ul", { class: "places" });
  const part = (title, list) => h("section", null, h("h2", null, title), list);
  const directPart = part("Direct messages", direct);
  const foot = h("div", { class: "sidebar-you" });
  const node = h(
    "nav",
    { class: "sidebar", "aria-label": "Workspace" },
    team,
    h("div", { class: "sidebar-places" }, part("Channels", channels), directPart, part("Apps", apps)),
    foot,
  );
  let footPrint = null;

  function draw() {
    if (!state.workspace) return;
    team.textContent = state.workspace.team.name;
    reconcile(
      channels,
      listedChannels().map((channel) => row(channel, icon(channel.is_private ? "lock" : "hash"))),
    );
    const people = directMessages();
    directPart.hidden = !people.length;
    reconcile(
      direct,
      people.map((channel) => row(channel, avatar(userOf(partnerOf(channel))))),
    );
    reconcile(apps, [
      appRow(),
      ...otherAppMessages().map((channel) => row(channel, avatar(userOf(partnerOf(channel))))),
    ]);
    const print = JSON.stringify([you(), state.isOnline]);
    if (print !== footPrint) foot.replaceChildren(...who());
    footPrint = print;
  }

  return { node, draw };
}

function who() {
  const user = you();
  return [
    avatar(user),
    h(
      "span",
      null,
      h("strong", null, nameOf(user)),
      h("span", { class: "menu-hint" }, state.isOnline ? roleOf(user) || "That is you" : "Reconnecting…"),
    ),
  ];
}

function row(channel, sign) {
  const isHere = state.place?.kind === "channel" && state.place.id === channel.id;
  return placeRow({
    key: channel.id,
    name: channel.is_im ? titleOf(channel) : channel.name,
    sign,
    isHere,
    ...unreadIn(channel),
    go: () => goChannel(channel.id),
  });
}

function appRow() {
  const { app } = state.workspace;
  const direct = appMessages();
  const fresh = direct ? unreadIn(direct) : { isUnread: false, count: 0 };
  const isHere = state.place?.kind === "home" || (direct && state.place?.id === direct.id);
  const go = () => (fresh.isUnread ? goChannel(direct.id) : goHome());
  return placeRow({
    key: "app",
    name: app.name,
    sign: avatar(userOf(app.user_id), { name: app.name }),
    isHere,
    ...fresh,
    go,
  });
}

function placeRow({ key, name, sign, isHere, isUnread, count, go }) {
  return {
    key,
    print: JSON.stringify([name, isHere, isUnread, count]),
    build: () =>
      h(
        "li",
        null,
        h(
          "button",
          {
            type: "button",
            class: isUnread ? "place unread" : "place",
            "aria-current": isHere ? "page" : null,
            onclick: go,
            data: { blockId: "place", actionId: key },
          },
          h("span", { class: "place-sign" }, sign),
          h("span", { class: "place-name" }, name),
          count
            ? h("span", { class: "count", "aria-label": `${count} unread` }, String(count))
            : isUnread
              ? h("span", { class: "unseen" }, "unread")
              : null,
        ),
      ),
  };
}
