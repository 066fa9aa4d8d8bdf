/** Saves bytes or text as a file of the person. */
import { element } from './element.ts';

const keepFileMs = 60_000;

export function download(content: Uint8Array | string | Blob, name: string, type: string): void {
  const part = content instanceof Uint8Array ? new Uint8Array(content) : content;
  const address = URL.createObjectURL(new Blob([part], { type }));
  element('a', { href: address, download: name }).click();
  // Some browsers read the file only after the click.
  setTimeout(() => URL.revokeObjectURL(address), keepFileMs);
}
