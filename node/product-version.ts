import { readFileSync } from 'node:fs';

/** Textura's version, from package.json. */
export function productVersion(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}
