/** Owns Block Kit's interactive elements: it draws them, keeps what is entered in the surface, sends what must be sent. */
import { confirmed } from "./confirm.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { dateControl, textControl, tickControl } from "./inputs.js";
import { safeAddress, textObject, wordsOf } from "./mrkdwn.js";
import { openMenu } from "./popover.js";
import { selectControl } from "./select.js";
import { listedChannels, nameOf, roleOf, state } from "./store.js";

/**
 * An element as a node. `place` = {surface, blockId, label, described, isInput, dispatches}.
 *
 * Inside an input block nothing is sent before the view is submitted, unless the block says `dispatch_action`.
 */
export function elementNode(element, place) {
  switch (element.type) {
    case "button":
    case "workflow_button":
      return button(element, place);
    case "overflow":
      return overflow(element, place);
    case "image":
      return picture(element, "element-image");
    case "radio_buttons":
    case "checkboxes":
      return tickControl(element, keeper(element, place));
    case "plain_text_input":
    case "number_input":
    case "email_text_input":
    case "url_text_input":
      return textControl(element, keeper(element, place));
    case "datepicker":
    case "timepicker":
    case "datetimepicker":
      return dateControl(element, keeper(element, place));
    default:
      return SELECTS[element.type]
        ? select(element, place)
        : h("span", { class: "unknown-part" }, `[${element.type}: not drawn here]`);
  }
}

const naming = (element, place) => ({ blockId: place.blockId, actionId: element.action_id });

/** How an input reads and writes its value; `send` is null where nothing is to be sent. */
function keeper(element, place) {
  const { surface, blockId } = place;
  return {
    ...place,
    data: naming(element, place),
    value: (initial) => surface.value(blockId, element.action_id, initial),
    async change(value, { isFinal = true } = {}) {
      if (isFinal && element.confirm && !(await confirmed(element.confirm))) return;
      surface.put(blockId, element.action_id, { type: element.type, ...value });
      if (isFinal && (!place.isInput || place.dispatches)) await surface.click(blockId, element.action_id, value);
    },
  };
}

function button(element, place) {
  const words = wordsOf(element.text);
  const look = ["button", element.style === "primary" ? "primary" : null, element.style === "danger" ? "danger" : null]
    .filter(Boolean)
    .join(" ");
  const node = h(
    "button",
    {
      type: "button",
      class: look,
      data: naming(element, place),
      title: words.length > 30 ? words : null,
      "aria-label": element.accessibility_label,
      onclick: press,
    },
    h("span", { class: "button-text" }, textObject(element.text)),
    element.url ? icon("window") : null,
  );
  return node;

  async function press() {
    if (node.getAttribute("aria-busy") === "true") return;
    if (element.confirm && !(await confirmed(element.confirm))) return;
    if (element.url && safeAddress(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
    node.setAttribute("aria-busy", "true");
    await place.surface.click(
      place.blockId,
      element.action_id,
      element.value === undefined ? {} : { value: element.value },
    );
    node.removeAttribute("aria-busy");
  }
}

function overflow(element, place) {
  const node = h(
    "button",
    {
      type: "button",
      class: "button overflow",
      data: naming(element, place),
      "aria-label": "More options",
      "aria-haspopup": "menu",
      onclick: show,
    },
    icon("more"),
  );
  return node;

  function show() {
    const items = (element.options ?? []).map((option) => ({
      label: wordsOf(option.text),
      hint: wordsOf(option.description),
      async run() {
        if (element.confirm && !(await confirmed(element.confirm))) return;
        if (option.url && safeAddress(option.url)) window.open(option.url, "_blank", "noopener,noreferrer");
        await place.surface.click(place.blockId, element.action_id, { selected_option: option });
      },
    }));
    openMenu(node, "More options", items, { align: "start" });
  }
}

/** An image that came with the page's own origin or in the message; one from elsewhere is not loaded, only named. */
export function picture(element, look) {
  const url = element.image_url ?? "";
  const isLocal = url.startsWith("data:image/") || (safeAddress(url) && new URL(url).origin === location.origin);
  if (isLocal) return h("img", { class: look, src: url, alt: element.alt_text ?? "" });
  return h(
    "span",
    { class: `${look} not-loaded`, title: "Pictures from elsewhere are not loaded in the sandbox" },
    element.alt_text || "picture",
  );
}

const optionRow = (option) => ({
  key: option.value,
  label: wordsOf(option.text),
  hint: wordsOf(option.description),
  source: option,
});
const given = (element) =>
  element.option_groups
    ? element.option_groups.map((group) => ({ label: wordsOf(group.label), options: group.options.map(optionRow) }))
    : [{ options: (element.options ?? []).map(optionRow) }];
const members = () => [
  {
    options: state.workspace.users
      .filter((user) => !user.deleted)
      .map((user) => ({ key: user.id, label: nameOf(user), hint: roleOf(user), source: user.id })),
  },
];
const channels = () => [
  {
    options: listedChannels().map((channel) => ({
      key: channel.id,
      label: `#${channel.name}`,
      hint: channel.topic,
      source: channel.id,
    })),
  },
];

/** Per type: where the options come from, the key of the value, the key of the initial value. */
const SELECTS = {
  static_select: [given, "selected_option", "initial_option"],
  external_select: [given, "selected_option", "initial_option"],
  users_select: [members, "selected_user", "initial_user"],
  conversations_select: [channels, "selected_conversation", "initial_conversation"],
  channels_select: [channels, "selected_channel", "initial_channel"],
  multi_static_select: [given, "selected_options", "initial_options"],
  multi_external_select: [given, "selected_options", "initial_options"],
  multi_users_select: [members, "selected_users", "initial_users"],
  multi_conversations_select: [channels, "selected_conversations", "initial_conversations"],
  multi_channels_select: [channels, "selected_channels", "initial_channels"],
};

function select(element, place) {
  const [source, valueKey, initialKey] = SELECTS[element.type];
  const isMany = element.type.startsWith("multi_");
  const keep = keeper(element, place);
  const groups = source(element);
  const options = groups.flatMap((group) => group.options);
  const current = keep.value({ type: element.type, [valueKey]: element[initialKey] ?? (isMany ? [] : null) })[valueKey];
  const keyOf = (value) => value?.value ?? value;
  return selectControl({
    groups,
    chosen: [current].flat().filter(Boolean).map(keyOf),
    placeholder: wordsOf(element.placeholder) || (isMany ? "Select options" : "Select an option"),
    label: place.label,
    described: place.described,
    data: keep.data,
    limit: isMany ? (element.max_selected_items ?? 0) : 1,
    onPick(keys) {
      const values = keys.map((key) => options.find((option) => option.key === key).source);
      keep.change({ [valueKey]: isMany ? values : values[0] });
    },
  });
}
