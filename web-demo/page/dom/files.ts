/** Files of the person: saving them, and those that cannot be read. */
import { element } from './element.ts';

const keepFileMs = 60_000;

/** Saves bytes or text as a file. */
export function download(content: Uint8Array | string | Blob, name: string, type: string): void {
  const part = content instanceof Uint8Array ? new Uint8Array(content) : content;
  const address = URL.createObjectURL(new Blob([part], { type }));
  element('a', { href: address, download: name }).click();
  // Some browsers read the file only after the click.
  setTimeout(() => URL.revokeObjectURL(address), keepFileMs);
}

/** Whether a file could not be read: it is a folder, or was moved or changed after it was chosen. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof DOMException && ['NotFoundError', 'NotReadableError'].includes(error.name);
}
