/** Owns the pane in the middle: a channel's or a direct message's head, messages and composer, or App Home. */
import { appHome } from "./app_home.js";
import { avatar } from "./avatar.js";
import { composer } from "./composer.js";
import { conversation } from "./conversation.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { goChannel, goHome } from "./places.js";
import { appMessages, channelOf, markRead, nameOf, partnerOf, rootsOf, state, titleOf, userOf } from "./store.js";

/** Builds the pane; its `draw` follows the state. */
export function channelPane() {
  const head = h("header", { class: "pane-head" });
  const list = conversation("Messages");
  const write = composer();
  const home = appHome();
  const node = h("main", { class: "pane", id: "conversation", tabindex: "-1" }, head, list.node, write.node, home.node);
  let headPrint = null;

  function draw() {
    const isHome = state.place?.kind === "home";
    const channel = channelOf(state.place?.id);
    home.node.hidden = !isHome;
    list.node.hidden = isHome;
    write.node.hidden = isHome || !channel;
    drawHead(channel, isHome);
    if (isHome) {
      home.draw();
      return;
    }
    if (!channel) return;
    list.show(`${state.as} ${channel.id}`, channel.id, rootsOf(channel.id), { lead: [welcome(channel)] });
    write.aim({ channel: channel.id });
    if (!document.hidden) markRead(channel.id);
  }

  function drawHead(channel, isHome) {
    const isApp = isHome || (channel && appMessages()?.id === channel.id);
    const print = JSON.stringify([channel, isHome, isApp, state.as, appMessages()?.id, state.workspace?.users.length]);
    if (print === headPrint) return;
    headPrint = print;
    const title = isApp ? state.workspace.app.name : titleOf(channel);
    head.replaceChildren(
      h("h1", null, title),
      ...(isApp ? [tabs(isHome)] : []),
      ...(channel?.topic && !isApp ? [h("p", { class: "topic" }, channel.topic)] : []),
      ...(channel && !channel.is_im ? [faces(channel)] : []),
    );
    document.title = `${title} · ${state.workspace?.team.name ?? "Sandbox"}`;
  }

  document.addEventListener("visibilitychange", draw);
  return { node, draw };
}

function tabs(isHome) {
  const direct = appMessages();
  const tab = (label, isOn, go, isThere = true) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        class: "tab",
        "aria-selected": String(isOn),
        disabled: !isThere,
        title: isThere ? null : "The app has not written to you yet",
        onclick: go,
      },
      label,
    );
  return h(
    "div",
    { class: "tabs", role: "tablist", "aria-label": "App" },
    tab("Home", isHome, goHome),
    tab("Messages", !isHome, () => goChannel(direct.id), Boolean(direct)),
  );
}

function faces(channel) {
  const members = (channel.members ?? []).map(userOf).filter(Boolean);
  if (!members.length) return null;
  const names = members.map(nameOf).join(", ");
  return h(
    "span",
    { class: "head-faces", title: names },
    h(
      "span",
      { class: "faces" },
      members.slice(0, 5).map((user) => avatar(user)),
    ),
    h("span", null, `${members.length} members`),
  );
}

function welcome(channel) {
  return {
    key: "welcome",
    print: JSON.stringify([channel.id, channel.topic, state.as]),
    build: () =>
      h(
        "li",
        { class: "welcome" },
        channel.is_im ? avatar(userOf(partnerOf(channel))) : h("span", { class: "welcome-sign" }, icon("hash")),
        h("strong", null, titleOf(channel)),
        h(
          "span",
          null,
          channel.is_im
            ? "This is the beginning of your direct messages."
            : channel.topic || "This is the beginning of the channel.",
        ),
      ),
  };
}
