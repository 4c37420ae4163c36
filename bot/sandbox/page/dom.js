/**
 * Owns how this page makes elements: strings become text nodes, never markup.
 *
 * Everything shown here was written by somebody else (members, apps, webhooks). There is no innerHTML in the page;
 * whoever needs an element asks `h`, so a message that looks like markup stays a message that looks like markup.
 */

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children; children may be nodes, strings, arrays, or empty (null, false, undefined). */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) set(element, name, value);
  add(element, children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.className = value;
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/** Appends children of any nesting; strings go in as text. */
export function add(parent, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child);
  }
  return parent;
}

/** A fragment of the given children. */
export function fragment(...children) {
  return add(document.createDocumentFragment(), children);
}

/** A line drawing from path data, 20 × 20, hidden from screen readers: words beside it carry the meaning. */
export function drawing(paths, { filled = false } = {}) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", filled ? "drawing filled" : "drawing");
  for (const d of [paths].flat()) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/**
 * Makes `list` show `items` ({key, print, build}) in order, rebuilding only those whose print changed.
 *
 * Nodes that stay keep focus, selection and open details; a rebuilt one gets the focus back on the same control,
 * so a card that updates itself does not throw a keyboard user to the top of the page.
 */
export function reconcile(list, items) {
  const old = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const node = old.get(item.key);
    return node && node.print === item.print ? node : rebuilt(node, item);
  });
  const staying = new Set(nodes);
  for (const node of [...list.children]) if (!staying.has(node)) node.remove();
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
}

function rebuilt(node, item) {
  const fresh = item.build();
  fresh.dataset.key = item.key;
  fresh.print = item.print;
  const selector = node ? focusPath(node) : null;
  // Without scrolling: a message that changes under the focus must not pull a reader away from the newest one.
  if (selector !== null)
    queueMicrotask(() => ((selector && fresh.querySelector(selector)) || fresh).focus({ preventScroll: true }));
  return fresh;
}

/** Null when the focus is elsewhere, else a selector of the focused control ("" when it has no name of its own). */
function focusPath(node) {
  const active = document.activeElement;
  if (!node.contains(active)) return null;
  const { actionId, blockId } = active.dataset;
  return actionId ? `[data-block-id="${CSS.escape(blockId)}"][data-action-id="${CSS.escape(actionId)}"]` : "";
}

let counter = 0;
/** A document-wide unique id for aria references. */
export function uid(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}
