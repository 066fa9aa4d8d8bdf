/** Formats numbers, durations and dates, so that a value looks the same in messages, reports and figures. */

const english = 'en-US';

/** Keeps a number and its unit on one line. */
export const noBreak = '\u00a0';

/** A whole number with thousands separators: `4,439,095`. */
export function count(value: number): string {
  return value.toLocaleString(english, { maximumFractionDigits: 0 });
}

/** An error or a loss to three decimals, or `not a number`, or `infinite`. */
export function measure(value: number): string {
  if (Number.isNaN(value)) return 'not a number';
  return Number.isFinite(value) ? value.toFixed(3) : 'infinite';
}

/** A share in 0..1 as a percentage with one decimal: `27.4 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}${noBreak}%`;
}

/** A share in percentage points with one decimal: `27.4`. */
export function points(share: number): string {
  return (100 * share).toFixed(1);
}

/** With the sign of `value` before the text of its size, unless that is zero: `+4.1`, `−0.3`, `0.0`. */
export function withSign(value: number, textOf: (size: number) => string): string {
  const size = textOf(Math.abs(value));
  return Number.parseFloat(size) === 0 ? size : `${value < 0 ? '\u2212' : '+'}${size}`;
}

/** Three significant digits without trailing zeros, as for a learning rate. */
export function significant(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** A p-value to three decimals: `0.031`; below 0.001 only that, because no test here can show 0. */
export function pValueText(value: number): string {
  return value < 0.001 ? `<${noBreak}0.001` : value.toFixed(3);
}

/** Bytes in binary units: `12 KiB`, `3.4 MiB`, `1.2 GiB`. */
export function bytes(value: number): string {
  if (value < 2 ** 20) return `${count(Math.ceil(value / 2 ** 10))} KiB`;
  return value < 2 ** 30 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 2 ** 30).toFixed(2)} GiB`;
}

/** The size of a file, as file managers show it: `46 kB`, `17.8 MB`; in Spanish `17,8 MB`. */
export function fileSize(value: number, locale = english): string {
  const kilobytes = Math.ceil(value / 1e3);
  if (kilobytes < 1000) return `${kilobytes} kB`;
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return `${(value / 1e6).toLocaleString(locale, digits)} MB`;
}

/** A small difference in a language: `1.8e‑7`, which does not break between lines, or `0`. */
export function small(value: number, locale: string): string {
  if (value === 0) return '0';
  const digits = { notation: 'scientific', maximumFractionDigits: 1 } as const;
  return value.toLocaleString(locale, digits).replace('-', '\u2011').toLowerCase();
}

/** Seconds in at most two units: `4.2 s`, `48 s`, `12 min 05 s`, `3 h 20 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${count(Math.floor(minutes / 60))} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** An ISO 8601 time in UTC: `25 November 2026, 14:03 UTC`. */
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

/**
 * A table for a terminal, with an optional row of totals. The first `leftColumns` are left-aligned, the
 * others right-aligned.
 */
export function textTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  leftColumns: number,
  total?: readonly string[],
): string {
  const all = [headings, ...rows, ...(total ? [total] : [])];
  const widths = headings.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i < leftColumns ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(headings), rule, ...rows.map(line), ...(total ? [rule, line(total)] : [])].join('\n');
}

/** Breaks a text between words into lines of at most `columns`; those after the first begin with `indent`. */
export function wrapped(text: string, indent = '', columns = 80): string {
  const lines = [''];
  for (const word of text.split(/ (?=\S)/)) {
    const line = lines.at(-1) ?? '';
    if (line === '' || line.length + 1 + word.length <= columns)
      lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
    else lines.push(`${indent}${word}`);
  }
  return lines.join('\n');
}
