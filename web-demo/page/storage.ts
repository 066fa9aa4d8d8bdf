/**
 * What this browser keeps for the page. Each kind of storage may be refused (site data blocked, private windows, a full disk): the page
 * works without it, and says what is not kept.
 */
import { signal } from './dom/signal.ts';

export const keptThings = ['language', 'teaching', 'offline'] as const;
/** The chosen language, what was taught, and the page itself for use without a network. */
export type KeptThing = (typeof keptThings)[number];

/** What the browser has refused to keep so far. */
export const unkept = signal<ReadonlySet<KeptThing>>(new Set());

export function tellUnkept(thing: KeptThing): void {
  if (!unkept.get().has(thing)) unkept.set(new Set([...unkept.get(), thing]));
}

/** A text kept under a name; undefined where there is none or the browser keeps nothing. */
export function keptText(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keepText(name: string, text: string, thing: KeptThing): void {
  try {
    localStorage.setItem(name, text);
  } catch {
    tellUnkept(thing);
  }
}
