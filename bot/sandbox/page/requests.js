/** Owns talking to the sandbox: reads, acts and the live socket with its reconnecting. */
import { state } from "./store.js";

/** Reads JSON from `path`, on the page's own origin; throws when the sandbox does not answer. */
export async function read(path, query = {}) {
  const answer = await fetch(`/page/${path}?${new URLSearchParams(query)}`, {
    headers: { Accept: "application/json" },
  });
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status} to /page/${path}`);
  return answer.json();
}

/** Does something as the current member; answers {ok} or {ok: false, error, text}, and never throws. */
export async function act(what) {
  try {
    const answer = await fetch("/page/act", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Sandbox": "1" },
      body: JSON.stringify({ as: state.as, ...what }),
    });
    const body = await answer.json().catch(() => null);
    if (body && typeof body.ok === "boolean") return body;
    return { ok: false, error: "bad_answer", text: `The sandbox answered ${answer.status}.` };
  } catch {
    return { ok: false, error: "no_answer", text: "The sandbox is not answering. Is it still running?" };
  }
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;

/**
 * Follows what happens as `as` sees it, for ever: `onUp` after each (re)connect, `onFrame` per frame, `onDown` when lost.
 *
 * The socket is open before `onUp`, so a caller that reads everything in `onUp` and keeps the frames that come meanwhile
 * misses nothing. Answers a function that stops it.
 */
export function follow(as, { onUp, onFrame, onDown }) {
  let socket = null;
  let wait = FIRST_WAIT_MS;
  let timer = null;
  let isStopped = false;

  function open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/page/live?${new URLSearchParams({ as })}`);
    socket.onopen = () => {
      wait = FIRST_WAIT_MS;
      onUp();
    };
    socket.onmessage = (event) => {
      if (!isStopped) onFrame(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (isStopped) return;
      onDown();
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  }

  open();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    socket.close();
  };
}
