/**
 * Owns the strip above the workspace: all that is not Slack. Who you act as, the demo services' state, what can happen.
 *
 * It looks apart on purpose: nobody should search for "Break payments" in a real workspace.
 */
import { avatar, colourOf } from "./avatar.js";
import { h, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./popover.js";
import { act } from "./requests.js";
import { nameOf, people, roleOf, state, you } from "./store.js";
import { toast } from "./toast.js";

const SIDE_BY_SIDE = 4;
const WORDS = { ok: "healthy", bad: "broken", unknown: "not known" };

/** Builds the strip; `become(id)` is called when somebody else is picked. */
export function strip({ become }) {
  const services = h("div", { class: "services" });
  const lines = new Map(); // what is said of one thing is spoken alone, so its element stays
  const buttons = h("div", { class: "scenario", role: "group", "aria-label": "Make something happen" });
  const members = h("div", { class: "members", role: "radiogroup", "aria-label": "Act as", onkeydown: rove });
  const node = h(
    "header",
    { class: "strip", "aria-label": "Sandbox controls" },
    h(
      "span",
      { class: "strip-name", title: "A workspace of your own: nothing here leaves this machine." },
      icon("pages"),
      h(
        "span",
        null,
        h("strong", null, "Local sandbox"),
        h("span", { class: "strip-hint" }, "Nothing here leaves this machine"),
      ),
    ),
    h("div", { class: "strip-demo" }, services, buttons),
    h("div", { class: "strip-you" }, h("span", { class: "strip-label", "aria-hidden": "true" }, "Act as"), members),
  );

  function draw() {
    if (!state.workspace) return;
    drawStatus();
    reconcile(buttons, (state.workspace.scenario ?? []).map(scenarioRow));
    const all = people();
    const shown = all.length <= SIDE_BY_SIDE ? all : [you() ?? all[0]];
    reconcile(members, [...shown.map(memberRow), ...(shown.length < all.length ? [otherRow(all)] : [])]);
  }

  function drawStatus() {
    for (const [of, said] of Object.entries(state.status)) {
      if (!lines.has(of)) {
        lines.set(of, h("span", { class: "service", role: "status" }));
        services.append(lines.get(of));
      }
      const line = lines.get(of);
      const kind = Object.hasOwn(WORDS, said.state) ? said.state : "unknown";
      const words = said.text || WORDS[kind];
      if (line.dataset.state === kind && line.textContent === words) continue;
      line.dataset.state = kind;
      line.replaceChildren(h("span", { class: "lamp", "aria-hidden": "true" }), words);
    }
  }

  function scenarioRow(step) {
    const look = step.style === "danger" ? "button strip-button danger" : "button strip-button";
    const press = async (event) => {
      const button = event.currentTarget;
      if (button.getAttribute("aria-busy") === "true") return;
      button.setAttribute("aria-busy", "true");
      const answer = await act({ do: "scenario", id: step.id });
      button.removeAttribute("aria-busy");
      if (!answer.ok) toast(answer.text || answer.error);
    };
    return {
      key: step.id,
      print: JSON.stringify(step),
      build: () =>
        h(
          "button",
          { type: "button", class: look, title: step.hint, onclick: press },
          step.style === "danger" ? icon("bolt") : null,
          step.label,
        ),
    };
  }

  function memberRow(user) {
    const isYou = user.id === state.as;
    return {
      key: user.id,
      print: JSON.stringify([user, isYou]),
      build: () => {
        const button = h(
          "button",
          {
            type: "button",
            class: "member",
            role: "radio",
            "aria-checked": String(isYou),
            tabindex: isYou ? "0" : "-1",
            title: roleOf(user),
            onclick: () => become(user.id),
            data: { blockId: "member", actionId: user.id },
            "aria-label": [nameOf(user), roleOf(user)].filter(Boolean).join(", "),
          },
          avatar(user),
          h(
            "span",
            { class: "member-words" },
            h("span", { class: "member-name" }, nameOf(user)),
            h("span", { class: "member-title" }, roleOf(user)),
          ),
          isYou ? h("span", { class: "you" }, "you") : null,
        );
        button.style.setProperty("--member", colourOf(user));
        return button;
      },
    };
  }

  function otherRow(all) {
    const items = all
      .filter((user) => user.id !== state.as)
      .map((user) => ({ label: nameOf(user), hint: roleOf(user), icon: avatar(user), run: () => become(user.id) }));
    const build = () =>
      h(
        "button",
        {
          type: "button",
          class: "member others",
          "aria-haspopup": "menu",
          "aria-expanded": "false",
          onclick: (event) => openMenu(event.currentTarget, "Act as", items),
        },
        "Somebody else",
        icon("down"),
      );
    return { key: "others", print: JSON.stringify([all, state.as]), build };
  }

  function rove(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = [...members.querySelectorAll("[role=radio]")];
    if (!step || !all.includes(document.activeElement)) return;
    event.preventDefault();
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
  }

  return { node, draw };
}
