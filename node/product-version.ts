/** The version of this product, from its package.json. */
import { readFileSync } from 'node:fs';

export function productVersion(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}
