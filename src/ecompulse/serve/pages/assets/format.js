// Numbers, money, shares and times as the reader's locale writes them; what is not known is a dash, never a zero.

export const NOTHING = "–";
const LOCALE = navigator.languages?.length ? [...navigator.languages] : undefined;
const formats = new Map();

/** A kept Intl format: making one costs more than a hundred uses of it. */
function kept(kind, options) {
  const key = kind.name + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new kind(LOCALE, options));
  return formats.get(key);
}

const missing = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);

export const integer = (value) => (missing(value) ? NOTHING : kept(Intl.NumberFormat, { maximumFractionDigits: 0 }).format(value));

export const decimal = (value, digits = 1) =>
  missing(value) ? NOTHING : kept(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

export const percent = (value) =>
  missing(value) ? NOTHING : kept(Intl.NumberFormat, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value);

/** Money with its symbol and its two decimals; `value` may be a decimal string, which is not rounded through a float. */
export function money(value, currency) {
  if (missing(value)) return NOTHING;
  if (!currency) return decimal(value, 2);
  return kept(Intl.NumberFormat, { style: "currency", currency, currencyDisplay: "narrowSymbol", minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);
}

/** For a tile: exact up to a million, then 1.2 M. */
export function short(value, currency) {
  if (missing(value)) return NOTHING;
  if (Math.abs(value) < 1e6) return currency ? money(value, currency) : integer(value);
  const options = { notation: "compact", minimumFractionDigits: 1, maximumFractionDigits: 2 };
  return kept(Intl.NumberFormat, currency ? { ...options, style: "currency", currency, currencyDisplay: "narrowSymbol" } : options).format(value);
}

/** For an axis: as few characters as say it. */
export const axis = (value, currency) =>
  kept(Intl.NumberFormat, { notation: "compact", maximumFractionDigits: Math.abs(value) < 10 ? 2 : 1, ...(currency ? { style: "currency", currency, currencyDisplay: "narrowSymbol", minimumFractionDigits: 0 } : {}) }).format(value);

/** The change from `before` to `now` in sign and words; null when there is nothing to compare with. */
export function change(now, before) {
  if (missing(now) || missing(before) || Number(before) === 0) return null;
  const ratio = (Number(now) - Number(before)) / Number(before);
  const size = kept(Intl.NumberFormat, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(Math.abs(ratio));
  if (Math.abs(ratio) < 0.0005) return { direction: "same", sign: "±0%", words: "as much as" };
  return ratio > 0 ? { direction: "up", sign: `+${size}`, words: "more than" } : { direction: "down", sign: `−${size}`, words: "less than" };
}

export const clock = (time, zone) =>
  missing(time) ? NOTHING : kept(Intl.DateTimeFormat, { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(time));

export const moment = (time, zone) =>
  missing(time) ? NOTHING : kept(Intl.DateTimeFormat, { timeZone: zone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(time));

export const exactly = (time, zone) =>
  missing(time)
    ? NOTHING
    : kept(Intl.DateTimeFormat, { timeZone: zone, year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(time));

const BUCKETS = {
  minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  hour: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { weekday: "short", day: "numeric", month: "short" },
  week: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
};

/** The name of a bucket, such as “14:05” or “Mon 3 Nov”. */
export function bucket(time, grain, zone) {
  const name = kept(Intl.DateTimeFormat, { timeZone: zone, ...BUCKETS[grain] }).format(new Date(time));
  return grain === "week" ? `week of ${name}` : name;
}

/** Seconds as a person says them: 4 ms, 0.06 s, 14 s, 3 min, 2 h. */
export function span(seconds) {
  if (missing(seconds)) return NOTHING;
  const size = Math.max(0, Number(seconds));
  if (size < 0.01) return `${integer(size * 1000)} ms`;
  if (size < 0.995) return `${decimal(size, 2)} s`;
  if (size < 90) return `${integer(size)} s`;
  if (size < 5400) return `${integer(size / 60)} min`;
  return size < 172800 ? `${decimal(size / 3600, size < 36000 ? 1 : 0)} h` : `${integer(size / 86400)} days`;
}

/** Bytes in powers of 1000, as disks are sold. */
export function bytes(value) {
  if (missing(value)) return NOTHING;
  const step = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${decimal(value / 1000 ** step, step ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
}

const SCALE = 10_000n; // money has four decimals in the contract

/** The exact sum of decimal strings, as a decimal string; null when there is nothing to add. */
export function total(values) {
  const known = values.filter((value) => !missing(value));
  if (!known.length) return null;
  const sum = known.reduce((left, value) => left + parts(String(value)), 0n);
  const size = sum < 0n ? -sum : sum;
  return `${sum < 0n ? "-" : ""}${size / SCALE}.${String(size % SCALE).padStart(4, "0")}`;
}

function parts(text) {
  if (/e/i.test(text)) return BigInt(Math.round(Number(text) * 10_000));
  const [, sign, whole, fraction = ""] = /^([-+]?)(\d*)(?:\.(\d*))?$/.exec(text) ?? [null, "", "0"];
  const size = BigInt(whole || "0") * SCALE + BigInt(fraction.slice(0, 4).padEnd(4, "0"));
  return sign === "-" ? -size : size;
}

const regions = typeof Intl.DisplayNames === "function" ? new Intl.DisplayNames(LOCALE, { type: "region" }) : null;

/** The country's name for its code; the code itself when it is none. */
export function country(code) {
  if (missing(code)) return NOTHING;
  try {
    return regions?.of(code) ?? code;
  } catch (error) {
    if (error instanceof RangeError) return code; // not a region code: say what was sent
    throw error;
  }
}
