/** Owns files in messages: name, size, the picture or text inside, download. */
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";

const FOLDED_LINES = 8;

/** A file as a node: a picture is shown, text is shown folded, and whole once somebody asks. */
export function fileNode(file) {
  const url = localAddress(file.url);
  const preview = file.preview ?? "";
  const text = h(
    "pre",
    { class: "file-text", tabindex: "0", "aria-label": `Text of ${file.name}` },
    preview.split("\n").slice(0, FOLDED_LINES).join("\n"),
  );
  const isCut = preview.split("\n").length > FOLDED_LINES || file.preview_is_truncated;
  const words = h("span", null, "Show all");
  const fold = h(
    "button",
    { type: "button", class: "link-button", "aria-expanded": "false", onclick: unfold },
    icon("expand"),
    words,
  );

  async function unfold() {
    const isOpen = fold.getAttribute("aria-expanded") === "true";
    try {
      text.textContent = isOpen
        ? preview.split("\n").slice(0, FOLDED_LINES).join("\n")
        : await whole(file, url, preview);
    } catch {
      toast(`${file.name} could not be read from the sandbox.`);
      return;
    }
    fold.setAttribute("aria-expanded", String(!isOpen));
    text.classList.toggle("whole", !isOpen);
    words.textContent = isOpen ? "Show all" : "Show less";
  }

  return h(
    "div",
    { class: "file", data: { file: file.id } },
    h(
      "div",
      { class: "file-head" },
      h("span", { class: "file-icon" }, icon("file")),
      h(
        "span",
        { class: "file-name" },
        h("strong", null, file.title || file.name),
        h("span", { class: "menu-hint" }, `${kindOf(file)} · ${sizeOf(file.size)}`),
      ),
      url
        ? h(
            "a",
            { class: "icon-button", href: url, download: file.name, "aria-label": `Download ${file.name}` },
            icon("download"),
          )
        : null,
    ),
    url && file.mimetype === "image/png"
      ? h("img", { class: "file-picture", src: url, alt: file.alt_txt || file.name, onload: stayAtTheEnd })
      : null,
    preview ? h("div", { class: isCut ? "file-preview cut" : "file-preview" }, text) : null,
    preview && isCut ? fold : null,
  );
}

/** A picture gets its height late; whoever was at the end of what they read still is. */
function stayAtTheEnd({ target }) {
  const scroller = target.closest(".scroller");
  if (!scroller) return;
  const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  if (below <= target.offsetHeight + 40) scroller.scrollTop = scroller.scrollHeight;
}

async function whole(file, url, preview) {
  if (!url || !file.preview_is_truncated) return preview;
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
  return answer.text();
}

function localAddress(url) {
  if (!url) return null;
  const address = new URL(url, location.href);
  return address.origin === location.origin ? address.href : null;
}

function kindOf(file) {
  return file.mimetype?.startsWith("text/") || file.preview ? "Plain text" : (file.mimetype ?? "File");
}

function sizeOf(bytes = 0) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
