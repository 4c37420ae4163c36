/** Owns Block Kit's confirm dialogs, drawn before anything is sent. */
import { h } from "./dom.js";
import { textObject, wordsOf } from "./mrkdwn.js";
import { showDialog } from "./dialog.js";

/** Asks; answers whether the person said yes. Closing it in any other way is a no. */
export function confirmed(question) {
  return new Promise((resolve) => {
    let answer = false;
    const say = (value) => () => {
      answer = value;
      dialog.close();
    };
    const isDanger = question.style === "danger"; // then Enter alone must not do it
    const style = isDanger ? "button danger solid" : "button primary";
    const dialog = h(
      "dialog",
      { class: "dialog confirm", role: "alertdialog", "aria-label": wordsOf(question.title) || "Are you sure?" },
      h("div", { class: "dialog-head" }, h("h2", null, wordsOf(question.title) || "Are you sure?")),
      h("div", { class: "dialog-body" }, h("div", { class: "rich" }, textObject(question.text))),
      h(
        "div",
        { class: "dialog-foot" },
        h(
          "button",
          { type: "button", class: "button", autofocus: isDanger, onclick: say(false) },
          wordsOf(question.deny) || "Cancel",
        ),
        h(
          "button",
          { type: "button", class: style, autofocus: !isDanger, onclick: say(true) },
          wordsOf(question.confirm) || "Yes",
        ),
      ),
    );
    showDialog(dialog, { onClosed: () => resolve(answer) });
  });
}
