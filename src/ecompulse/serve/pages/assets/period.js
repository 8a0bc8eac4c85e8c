// The period that is shown, the one before it, and the buckets of both, in the reader's time zone.

const MINUTE = 60_000, HOUR = 3_600_000, DAY = 86_400_000;

export const RANGES = [
  { name: "live", label: "Live", words: "the last 30 minutes", before: "the 30 minutes before" },
  { name: "today", label: "Today", words: "today", before: "yesterday until this time" },
  { name: "7d", label: "7 days", words: "the last 7 days", before: "the 7 days before" },
  { name: "30d", label: "30 days", words: "the last 30 days", before: "the 30 days before" },
  { name: "custom", label: "Custom", words: "the chosen time", before: "the same time before" },
];

/**
 * The period of a state, in milliseconds: `from` to `to` is asked for, `end` is where the axis ends (a day that still grows
 * ends at midnight), `before` the same for the period before. `open` says that it reaches the present.
 */
export function period(state, now = Date.now()) {
  const range = RANGES.find((one) => one.name === state.range) ?? RANGES[0];
  const span = spans[range.name](state, now);
  const length = span.length ?? span.end - span.from;
  const to = Math.min(span.end, now);
  const grain = GRAINS.includes(state.grain) ? state.grain : grainFor(span.end - span.from);
  const shift = (time) => (length % DAY === 0 ? shiftDays(time, -length / DAY, state.zone) : time - length);
  return {
    name: range.name, words: range.words, wordsBefore: range.before, grain, zone: state.zone, from: span.from, to, end: span.end, open: span.end >= now,
    before: { from: shift(span.from), to: shift(to), end: shift(span.end) }, shift,
  };
}

const GRAINS = ["minute", "hour", "day", "week", "month"];

const spans = {
  live: (_, now) => ({ from: Math.floor(now / MINUTE) * MINUTE - 29 * MINUTE, end: Math.floor(now / MINUTE) * MINUTE + MINUTE }),
  today: (state, now) => ({ from: startOfDay(now, state.zone), end: shiftDays(startOfDay(now, state.zone), 1, state.zone), length: DAY }),
  "7d": (state, now) => days(7, state, now),
  "30d": (state, now) => days(30, state, now),
  custom(state, now) {
    const from = Date.parse(state.from), end = Date.parse(state.to);
    return Number.isNaN(from) || Number.isNaN(end) || end <= from ? spans.live(state, now) : { from, end };
  },
};

function days(count, state, now) {
  const tomorrow = shiftDays(startOfDay(now, state.zone), 1, state.zone);
  return { from: shiftDays(tomorrow, -count, state.zone), end: tomorrow, length: count * DAY };
}

/** The grain that gives a line enough points to be read and few enough to be asked for. */
export function grainFor(length) {
  if (length <= 4 * HOUR) return "minute";
  if (length <= 8 * DAY) return "hour";
  return length <= 120 * DAY ? "day" : "week";
}

/** The start of the bucket after the one that starts at `time`. */
export function next(time, grain, zone) {
  if (grain === "minute") return time + MINUTE;
  if (grain === "hour") return time + HOUR;
  if (grain === "day") return shiftDays(time, 1, zone);
  if (grain === "week") return shiftDays(time, 7, zone);
  const wall = wallClock(time + 40 * DAY - 8 * DAY, zone);
  return fromWall(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth(), 1), zone);
}

/** The start of the bucket that holds `time`. */
export function startOf(time, grain, zone) {
  if (grain === "minute") return Math.floor(time / MINUTE) * MINUTE;
  const wall = wallClock(time, zone);
  if (grain === "hour") return time - (wall.getUTCMinutes() * MINUTE + wall.getUTCSeconds() * 1000 + wall.getUTCMilliseconds());
  const day = Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth(), grain === "month" ? 1 : wall.getUTCDate());
  return fromWall(grain === "week" ? day - ((wall.getUTCDay() + 6) % 7) * DAY : day, zone);
}

const startOfDay = (time, zone) => startOf(time, "day", zone);

/** The same wall-clock time some days later, across changes of the clocks. */
function shiftDays(time, count, zone) {
  return fromWall(wallClock(time, zone).getTime() + count * DAY, zone);
}

/** What the zone's clock shows, as a field for date and time holds it; empty for no time. */
export function wallText(text, zone) {
  const time = Date.parse(text);
  return Number.isNaN(time) ? "" : wallClock(time, zone).toISOString().slice(0, 16);
}

/** The instant that a field for date and time means in a zone. */
export const atWall = (text, zone) => new Date(fromWall(Date.parse(`${text}Z`), zone));

const clocks = new Map();

/** A date whose UTC fields are the wall clock of the zone. */
function wallClock(time, zone) {
  if (!clocks.has(zone)) {
    clocks.set(zone, new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  }
  const part = Object.fromEntries(clocks.get(zone).formatToParts(new Date(time)).map(({ type, value }) => [type, Number(value)]));
  const milliseconds = ((time % 1000) + 1000) % 1000;
  return new Date(Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second, milliseconds));
}

/** The instant at which the zone's clock shows `wall`; asked twice, because the offset may change between guess and answer. */
function fromWall(wall, zone) {
  const offset = (time) => wallClock(time, zone).getTime() - time;
  const guess = wall - offset(wall);
  return wall - offset(guess);
}
