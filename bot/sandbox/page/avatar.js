/** Owns the coloured squares people and apps are known by. */
import { h } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { nameOf } from "./store.js";

const PALETTE = ["#2f5d8a", "#7a4a8c", "#1f7a5c", "#a0522d", "#8a3b5c", "#3d6b2f", "#5a5aa8", "#9a3f3f"];

/** A member's square with initials; for screen readers their name stands beside it. */
export function avatar(user, { emoji, name } = {}) {
  const words = name ?? nameOf(user);
  const sign = emoji ? emojiFor(emoji.replaceAll(":", "")) : null;
  const node = h(
    "span",
    { class: (user?.is_bot ?? !user) ? "avatar app" : "avatar", "aria-hidden": "true" },
    sign ?? initials(words),
  );
  node.style.backgroundColor = colourOf(user, words);
  node.style.color = isLight(node.style.backgroundColor) ? "#000000" : "#ffffff";
  return node;
}

/** The colour a member is known by, as a CSS colour. */
export function colourOf(user, words = nameOf(user)) {
  const given = `#${(user?.color ?? "").replace(/^#/, "")}`;
  if (/^#[0-9a-f]{6}$/i.test(given)) return given;
  const sum = [...words].reduce((total, sign) => total + sign.codePointAt(0), 0);
  return PALETTE[sum % PALETTE.length];
}

function initials(words) {
  const parts = words.split(/[\s._-]+/).filter(Boolean);
  return ((parts[0]?.[0] ?? "?") + (parts.length > 1 ? parts.at(-1)[0] : "")).toUpperCase();
}

// WCAG's relative luminance; at this one black and white letters stand out alike, with more than 4.5 to 1.
const LIGHT = 0.179;

function isLight(rgb) {
  const [red, green, blue] = rgb.match(/\d+/g).map((value) => {
    const share = Number(value) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > LIGHT;
}
