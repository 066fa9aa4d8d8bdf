import { readFileSync } from 'node:fs';
import { productFile } from './own-module.ts';

/** Textura's version, from package.json. */
export function productVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(productFile('package.json'), 'utf8'));
  return manifest.version;
}

/** The stamp of a graph that this program writes, with no metadata of a model. */
export function modelStamp() {
  return { producerName: 'textura', producerVersion: productVersion(), metadata: {} };
}
