/** How the report writes numbers, so that one value reads the same in a sentence, a table and a figure. */

const english = 'en-US';

/** Stands between a number and its unit in running text. */
const noBreak = '\u00a0';

/** A whole number with thousands separators: `4,439,095`. */
export function count(value: number): string {
  return value.toLocaleString(english, { maximumFractionDigits: 0 });
}

/** An error or objective as the metrics have it, to three decimals; values that are not finite by their name. */
export function measure(value: number): string {
  if (Number.isNaN(value)) return 'not a number';
  return Number.isFinite(value) ? value.toFixed(3) : 'infinite';
}

/** A share of one in per cent, to one decimal: `27.4 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}${noBreak}%`;
}

/** A learning rate and the like: three significant digits without trailing zeros. */
export function significant(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Bytes in binary units: `12 KiB`, `3.4 MiB`, `1.2 GiB`. */
export function bytes(value: number): string {
  if (value < 2 ** 20) return `${count(Math.ceil(value / 2 ** 10))} KiB`;
  return value < 2 ** 30 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 2 ** 30).toFixed(2)} GiB`;
}

/** Seconds in the two largest units that matter: `4.2 s`, `12 min 30 s`, `5 h 12 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)}${noBreak}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${noBreak}min ${Math.floor(seconds % 60)}${noBreak}s`;
  return `${count(Math.floor(minutes / 60))}${noBreak}h ${minutes % 60}${noBreak}min`;
}

/** An ISO 8601 date as people write it, in UTC: `25 November 2026, 14:03 UTC`. */
export function moment(iso: string): string {
  const date = new Date(iso);
  const day = date.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  return `${day}, ${date.toISOString().slice(11, 16)} UTC`;
}
