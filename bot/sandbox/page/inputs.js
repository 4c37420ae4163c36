/** Owns the input elements one types or ticks: text, numbers, dates, radio buttons, checkboxes; and what Slack says of a wrong one. */
import { h, uid } from "./dom.js";
import { textObject, wordsOf } from "./mrkdwn.js";

const FIELD_TYPES = { number_input: "text", email_text_input: "email", url_text_input: "url" };

/** A text field of one or many lines. */
export function textControl(element, keep) {
  const value = keep.value({ type: element.type, value: element.initial_value ?? null }).value ?? "";
  const props = {
    class: "text-input",
    value,
    placeholder: wordsOf(element.placeholder),
    "aria-label": keep.label ?? wordsOf(element.placeholder),
    "aria-describedby": keep.described,
    data: keep.data,
    maxlength: element.max_length ? String(element.max_length) : null,
    autofocus: element.focus_on_load || null,
    oninput: (event) =>
      keep.change({ value: event.target.value === "" ? null : event.target.value }, { isFinal: false }),
    onkeydown: (event) => {
      const isSend = event.key === "Enter" && !element.multiline && keep.dispatches;
      if (isSend) keep.change({ value: event.target.value || null });
      if (isSend) event.preventDefault();
    },
  };
  if (element.multiline) return h("textarea", { ...props, rows: "4" });
  return h("input", {
    ...props,
    type: FIELD_TYPES[element.type] ?? "text",
    inputmode: element.type === "number_input" ? "decimal" : null,
    autocomplete: "off",
  });
}

const DATES = {
  datepicker: ["date", "selected_date", "initial_date"],
  timepicker: ["time", "selected_time", "initial_time"],
  datetimepicker: ["datetime-local", "selected_date_time", "initial_date_time"],
};

/** A date, a time of day, or a moment (Unix seconds outside, local time in the field). */
export function dateControl(element, keep) {
  const [type, valueKey, initialKey] = DATES[element.type];
  const isMoment = element.type === "datetimepicker";
  const current = keep.value({ type: element.type, [valueKey]: element[initialKey] ?? null })[valueKey];
  return h("input", {
    class: "text-input date-input",
    type,
    value: current === null ? "" : isMoment ? localMoment(current) : current,
    "aria-label": keep.label ?? (wordsOf(element.placeholder) || "Date"),
    "aria-describedby": keep.described,
    data: keep.data,
    onchange: (event) => {
      const entered = event.target.value || null;
      keep.change({ [valueKey]: entered && isMoment ? Math.floor(new Date(entered).getTime() / 1000) : entered });
    },
  });
}

function localMoment(unix) {
  const date = new Date(unix * 1000);
  return new Date(unix * 1000 - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Radio buttons or checkboxes with their descriptions. */
export function tickControl(element, keep) {
  const isRadio = element.type === "radio_buttons";
  const name = uid("ticks");
  const current = isRadio
    ? [keep.value({ type: element.type, selected_option: element.initial_option ?? null }).selected_option]
    : keep.value({ type: element.type, selected_options: element.initial_options ?? [] }).selected_options;
  const chosen = new Set(current.filter(Boolean).map((option) => option.value));
  const changed = () => {
    const picked = element.options.filter((_option, index) => group.querySelectorAll("input")[index].checked);
    keep.change(isRadio ? { selected_option: picked[0] ?? null } : { selected_options: picked });
  };
  const group = h(
    "div",
    {
      class: "ticks",
      role: isRadio ? "radiogroup" : "group",
      "aria-label": keep.label,
      "aria-describedby": keep.described,
    },
    (element.options ?? []).map((option) =>
      h(
        "label",
        { class: "tick" },
        h("input", {
          type: isRadio ? "radio" : "checkbox",
          name,
          data: keep.data,
          checked: chosen.has(option.value),
          onchange: changed,
        }),
        h(
          "span",
          null,
          h("span", { class: "tick-label" }, textObject(option.text)),
          option.description ? h("span", { class: "menu-hint" }, textObject(option.description)) : null,
        ),
      ),
    ),
  );
  return group;
}

const entered = (value) => value && Object.entries(value).find(([key]) => key !== "type")?.[1];

/** What is wrong with the value of an input block, in Slack's words, or null. */
export function faultOf(block, value) {
  const content = entered(value);
  const isEmpty =
    content === null || content === undefined || content === "" || (Array.isArray(content) && !content.length);
  if (isEmpty) return block.optional ? null : "Please complete this required field.";
  return (FAULTS[block.element.type] ?? (() => null))(block.element, content);
}

const FAULTS = {
  plain_text_input: (element, text) => {
    if (element.min_length && text.length < element.min_length)
      return `Please enter at least ${element.min_length} characters.`;
    if (element.max_length && text.length > element.max_length)
      return `Please enter no more than ${element.max_length} characters.`;
    return null;
  },
  number_input: (element, text) => {
    const pattern = element.is_decimal_allowed ? /^-?\d*\.?\d+$/ : /^-?\d+$/;
    if (!pattern.test(text))
      return element.is_decimal_allowed ? "Please enter a number." : "Please enter a whole number.";
    if (element.min_value !== undefined && Number(text) < Number(element.min_value))
      return `Please enter a number no less than ${element.min_value}.`;
    if (element.max_value !== undefined && Number(text) > Number(element.max_value))
      return `Please enter a number no greater than ${element.max_value}.`;
    return null;
  },
  email_text_input: (_element, text) => (/^\S+@\S+\.\S+$/.test(text) ? null : "Please enter a valid email address."),
  url_text_input: (_element, text) => (URL.canParse(text) ? null : "Please enter a valid URL."),
};
