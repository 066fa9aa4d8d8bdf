/** Finds the installed Chromium or Chrome for tests and benchmarks. Nothing is downloaded. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const;

/** The message if there is none. */
export const chromiumMissing = `no Chromium on the PATH (${programs.join(', ')}), and TEXTURA_CHROMIUM is not set`;

/** Path of the browser: TEXTURA_CHROMIUM, or the first on the PATH. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.TEXTURA_CHROMIUM) return env.TEXTURA_CHROMIUM;
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.flatMap((folder) => programs.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
