/**
 * Owns what people have entered into blocks: one surface per message, modal view or home view.
 *
 * Values are kept per block_id and action_id outside the DOM. So a message that updates itself, or a view that is pushed
 * aside and comes back, still shows what was typed, exactly where Slack keeps it: under the same block_id and action_id.
 */
import { act } from "./requests.js";
import { state } from "./store.js";
import { toast } from "./toast.js";

const surfaces = new Map();

/** The surface of a message. */
export function messageSurface(channel, ts) {
  return surfaceFor(`message ${channel} ${ts}`, () => ({ do: "click", channel, ts }));
}

/** The surface of a modal view; `view_click` keeps the modal's own state apart from a message's. */
export function modalSurface(viewId) {
  return surfaceFor(`view ${viewId}`, () => ({ do: "view_click", view_id: viewId }));
}

/** The surface of App Home. */
export function homeSurface(viewId) {
  return surfaceFor(`view ${viewId}`, () => ({ do: "click", view_id: viewId }));
}

/** Forgets everything entered, when another member takes over. */
export function forgetSurfaces() {
  surfaces.clear();
}

function surfaceFor(key, where) {
  const full = `${state.as} ${key}`;
  if (!surfaces.has(full)) surfaces.set(full, new Surface(where));
  return surfaces.get(full);
}

class Surface {
  constructor(where) {
    this.where = where;
    this.values = {}; // block_id → action_id → Slack's state value
  }

  /** What was entered for an element; `initial` (kept from then on) when nothing was. */
  value(blockId, actionId, initial) {
    const block = (this.values[blockId] ??= {});
    block[actionId] ??= initial;
    return block[actionId];
  }

  put(blockId, actionId, value) {
    (this.values[blockId] ??= {})[actionId] = value;
  }

  /** Drops values of elements that are no longer drawn: Slack sends only what the view holds. */
  keepOnly(blocks) {
    const drawn = new Set(blocks.map((block) => block.block_id));
    for (const blockId of Object.keys(this.values)) if (!drawn.has(blockId)) delete this.values[blockId];
  }

  /** Sends a block action; what is wrong with it becomes a toast. */
  async click(blockId, actionId, extra) {
    const answer = await act({
      ...this.where(),
      block_id: blockId,
      action_id: actionId,
      values: this.values,
      ...extra,
    });
    // What was clicked may have been taken away while its confirm dialog was open.
    const isGone = answer.error === "not_there";
    if (!answer.ok) toast(isGone ? "That is not there any more: the message has changed." : answer.text || answer.error);
    return answer.ok;
  }
}
