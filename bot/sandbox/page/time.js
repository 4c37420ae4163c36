/** Owns how moments are worded: Slack's ts strings and `<!date^…>` tokens, always in the reader's own time zone. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });
const part = (date, options) => new Intl.DateTimeFormat("en-US", options).format(date);

/** The moment of a Slack ts ("1700000000.000100"). */
export function momentOf(ts) {
  return new Date(Number(ts) * 1000);
}

/** Hours and minutes, as this browser writes them. */
export function timeOf(date) {
  return clock.format(date);
}

/** Whole local date and time, for tooltips. */
export function fullTime(date) {
  return `${longDate(date)} at ${clockWithSeconds.format(date)}`;
}

/** "Today", "Yesterday" or the weekday and date: the label of a day divider. */
export function dayLabel(date) {
  return relativeDay(date, "T") ?? part(date, { weekday: "long", month: "long", day: "numeric" });
}

/** Whether both moments fall on one local day. */
export function isSameDay(one, other) {
  return one.toDateString() === other.toDateString();
}

function relativeDay(date, initial) {
  const days = Math.round((midnight(date) - midnight(new Date())) / 86_400_000);
  const word = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  if (!word) return null;
  return initial === "T" ? word[0].toUpperCase() + word.slice(1) : word;
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}

function ordinal(day) {
  if (day % 100 >= 11 && day % 100 <= 13) return `${day}th`;
  return `${day}${{ 1: "st", 2: "nd", 3: "rd" }[day % 10] ?? "th"}`;
}

const plainDate = (date) => `${part(date, { month: "long" })} ${ordinal(date.getDate())}, ${date.getFullYear()}`;
const shortDate = (date) => part(date, { month: "short", day: "numeric", year: "numeric" });
const longDate = (date) => `${part(date, { weekday: "long" })}, ${plainDate(date)}`;

function ago(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const units = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

const two = (number) => String(number).padStart(2, "0");

const FORMATS = {
  date_num: (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
  date: plainDate,
  date_short: shortDate,
  date_long: longDate,
  date_pretty: (date, at) => relativeDay(date, at) ?? plainDate(date),
  date_short_pretty: (date, at) => relativeDay(date, at) ?? shortDate(date),
  date_long_pretty: (date, at) => relativeDay(date, at) ?? longDate(date),
  time: (date) => clock.format(date),
  time_secs: (date) => clockWithSeconds.format(date),
  ago,
};

/** `format` with Slack's `{date…}` and `{time…}` filled for `unix` seconds, or null when the number is not one. */
export function formatDate(unix, format) {
  const date = new Date(Number(unix) * 1000);
  if (!/^-?\d+$/.test(unix) || Number.isNaN(date.getTime())) return null;
  return format.replace(/\{([a-z_]+)\}/g, (all, name, offset) =>
    Object.hasOwn(FORMATS, name) ? FORMATS[name](date, offset === 0 ? "T" : "t") : all,
  );
}
