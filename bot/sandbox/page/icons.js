/** Owns the page's own line drawings; each call makes a fresh node. */
import { drawing } from "./dom.js";

const PATHS = {
  hash: "M7.5 3 6 17M14 3l-1.5 14M3.5 7.5h14M2.5 12.5h14",
  lock: "M5.5 9h9a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1zM7 9V6.5a3 3 0 0 1 6 0V9",
  send: "M3 3.5 17 10 3 16.5l2-6.5zM5 10h6",
  close: "M5 5l10 10M15 5 5 15",
  back: "M12 4l-6 6 6 6",
  down: "M5.5 8l4.5 4.5L14.5 8",
  right: "M8 5.5l4.5 4.5L8 14.5",
  more: "M10 4.2a.6.6 0 1 0 .01 0M10 9.4a.6.6 0 1 0 .01 0M10 14.6a.6.6 0 1 0 .01 0",
  reply:
    "M4 4h12a1.5 1.5 0 0 1 1.5 1.5v6A1.5 1.5 0 0 1 16 13H9l-4 3.5V13H4a1.5 1.5 0 0 1-1.5-1.5v-6A1.5 1.5 0 0 1 4 4zM6.5 7.5h7M6.5 10h4",
  link: "M8.5 11.5 11.5 8.5M9 6l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L13.5 10.5M6.5 9.5 5 11a3.2 3.2 0 0 0 4.5 4.5L11 14",
  eye: "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5zM10 8a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  file: "M5 2.5h6.5L15.5 6.5V17a.5.5 0 0 1-.5.5H5a.5.5 0 0 1-.5-.5V3a.5.5 0 0 1 .5-.5zM11.5 2.5v4h4M7 10.5h6M7 13.5h4",
  download: "M10 3v10M6 9.5l4 4 4-4M4 17h12",
  expand: "M12 3.5h4.5V8M8 16.5H3.5V12M16.5 3.5 11.5 8.5M3.5 16.5l5-5",
  bolt: "M11 2.5 4.5 11.5H10L9 17.5l6.5-9H10z",
  check: "M4 10.5 8 14.5 16 6",
  window: "M11.5 3.5h5v5M16.5 3.5 10 10M8.5 4.5H4a.5.5 0 0 0-.5.5v11a.5.5 0 0 0 .5.5h11a.5.5 0 0 0 .5-.5v-4.5",
  pages:
    "M6.5 5.5V3.5a1 1 0 0 1 1-1h8a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-2M4.5 6.5h8a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-8a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM6 12.2l1.9 1.9 3.4-3.6",
};

/** The drawing called `name`; the names are this module's, an unknown one is a mistake in the page. */
export function icon(name) {
  return drawing(PATHS[name]);
}
