/**
 * What the browser stores for the page. Any storage can be refused: blocked site data, private windows, a
 * full disk. The page then works without it and says what is not stored.
 */
import { signal } from './dom/signal.ts';

export const storageKinds = ['language', 'theme', 'teaching', 'offline'] as const;
/** The chosen language and appearance; surfaces and model of the Teach view; the page for offline use. */
type StorageKind = (typeof storageKinds)[number];

/** What the browser has refused to store so far. */
export const notStored = signal<ReadonlySet<StorageKind>>(new Set());

export function markNotStored(kind: StorageKind): void {
  if (!notStored.get().has(kind)) notStored.set(new Set([...notStored.get(), kind]));
}

/** Undefined if nothing is stored under the name, or the browser stores nothing. */
export function storedText(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function storeText(name: string, text: string, kind: StorageKind): void {
  try {
    localStorage.setItem(name, text);
  } catch {
    markNotStored(kind);
  }
}
