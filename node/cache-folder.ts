/** The folder for what is downloaded or built once for all clones: libraries and Python environments. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Textura's cache: TEXTURA_CACHE, else `textura` in XDG_CACHE_HOME, else in ~/.cache. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.TEXTURA_CACHE) return resolve(env.TEXTURA_CACHE);
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'textura');
}
