/** Owns the emoji names the page knows; a name it does not know stays the text it was, colons and all. */

const KNOWN = {
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", negative_squared_cross_mark: "❎",
  warning: "⚠️", hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", timer_clock: "⏲️", alarm_clock: "⏰",
  rotating_light: "🚨", arrows_counterclockwise: "🔄", arrows_clockwise: "🔃", repeat: "🔁", eyes: "👀", lock: "🔒",
  unlock: "🔓", closed_lock_with_key: "🔐", key: "🔑", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑",
  stop_sign: "🛑", bell: "🔔", no_bell: "🔕", rocket: "🚀", fire: "🔥", tada: "🎉", mag: "🔍", mag_right: "🔎", memo: "📝",
  pencil: "📝", pencil2: "✏️", wrench: "🔧", hammer: "🔨", hammer_and_wrench: "🛠️", gear: "⚙️", robot_face: "🤖",
  bust_in_silhouette: "👤", busts_in_silhouette: "👥", page_facing_up: "📄", page_with_curl: "📃", clipboard: "📋",
  books: "📚", book: "📖", notebook: "📓", scroll: "📜", link: "🔗", speech_balloon: "💬", question: "❓",
  grey_question: "❔", exclamation: "❗", heavy_exclamation_mark: "❗", grey_exclamation: "❕", information_source: "ℹ️",
  large_green_circle: "🟢", green_circle: "🟢", red_circle: "🔴", large_red_circle: "🔴", large_yellow_circle: "🟡",
  large_orange_circle: "🟠", large_blue_circle: "🔵", blue_circle: "🔵", large_purple_circle: "🟣", white_circle: "⚪",
  black_circle: "⚫", white_large_square: "⬜", black_large_square: "⬛", large_green_square: "🟩", large_red_square: "🟥",
  large_yellow_square: "🟨", large_blue_square: "🟦", fast_forward: "⏩", rewind: "⏪", arrow_forward: "▶️",
  arrow_backward: "◀️", double_vertical_bar: "⏸️", pause_button: "⏸️", black_square_for_stop: "⏹️",
  black_right_pointing_double_triangle_with_vertical_bar: "⏭️", track_next: "⏭️", leftwards_arrow_with_hook: "↩️",
  arrow_right_hook: "↪️", arrow_right: "➡️", arrow_left: "⬅️", arrow_up: "⬆️", arrow_down: "⬇️", arrow_upper_right: "↗️",
  arrow_heading_down: "⤵️", heavy_plus_sign: "➕", heavy_minus_sign: "➖", chart_with_upwards_trend: "📈",
  chart_with_downwards_trend: "📉", bar_chart: "📊", calendar: "📆", date: "📅", package: "📦", shield: "🛡️",
  floppy_disk: "💾", computer: "💻", desktop_computer: "🖥️", satellite_antenna: "📡", globe_with_meridians: "🌐",
  label: "🏷️", bookmark: "🔖", pushpin: "📌", round_pushpin: "📍", paperclip: "📎", inbox_tray: "📥", outbox_tray: "📤",
  pager: "📟", telephone_receiver: "📞", phone: "☎️", loudspeaker: "📢", mega: "📣", zap: "⚡", boom: "💥", bulb: "💡",
  bug: "🐛", recycle: "♻️", wastebasket: "🗑️", broom: "🧹", test_tube: "🧪", syringe: "💉", thermometer: "🌡️",
  ambulance: "🚑", fire_engine: "🚒", construction: "🚧", checkered_flag: "🏁", triangular_flag_on_post: "🚩",
  vertical_traffic_light: "🚦", traffic_light: "🚥", raised_hand: "✋", hand: "✋", wave: "👋", "+1": "👍",
  thumbsup: "👍", "-1": "👎", thumbsdown: "👎", ok_hand: "👌", pray: "🙏", clap: "👏", point_right: "👉",
  point_down: "👇", muscle: "💪", heart: "❤️", green_heart: "💚", star: "⭐", sparkles: "✨", 100: "💯", smile: "😄",
  slightly_smiling_face: "🙂", thinking_face: "🤔", sweat_smile: "😅", joy: "😂", cry: "😢", sleeping: "😴", zzz: "💤",
  skull: "💀", ghost: "👻", dog: "🐶", cat: "🐱", coffee: "☕", beer: "🍺", dart: "🎯", crystal_ball: "🔮", snowflake: "❄️",
  sunny: "☀️", cloud: "☁️", one: "1️⃣", two: "2️⃣", three: "3️⃣", four: "4️⃣", five: "5️⃣", small_red_triangle: "🔺",
  small_blue_diamond: "🔹", small_orange_diamond: "🔸", radio_button: "🔘", new: "🆕", ok: "🆗", sos: "🆘",
};

/** The character for `name` (no colons, a skin tone after `::` ignored), or null when this page does not know it. */
export function emojiFor(name) {
  const plain = name.split("::")[0];
  return Object.hasOwn(KNOWN, plain) ? KNOWN[plain] : null;
}

/** `text` with the names it knows replaced. */
export function withEmoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (all, name) => emojiFor(name) ?? all);
}
