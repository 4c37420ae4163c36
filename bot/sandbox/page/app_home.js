/** Owns the app's Home tab. */
import { blockNodes } from "./blocks.js";
import { h } from "./dom.js";
import { nameOf, state, you } from "./store.js";
import { homeSurface } from "./surface.js";

/** Builds the tab's content; its `draw` follows the state. */
export function appHome() {
  const body = h("div", { class: "home-body" });
  const node = h("section", { class: "scroller home", role: "tabpanel", "aria-label": "Home", hidden: true }, body);
  let print = null;

  function draw() {
    const next = JSON.stringify([state.as, state.home, state.workspace?.users.length]);
    if (next === print) return;
    print = next;
    if (state.home) body.replaceChildren(...blockNodes(state.home.blocks, homeSurface(state.home.id)));
    else
      body.replaceChildren(
        h("p", { class: "empty" }, `${state.workspace?.app.name} has published nothing here for ${nameOf(you())} yet.`),
      );
  }

  return { node, draw };
}
