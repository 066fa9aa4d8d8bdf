/** The browser that tests and measurements drive: the machine's own Chromium or Chrome. Nothing is downloaded. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const;

/** What to tell where there is none. */
export const chromiumMissing = `no Chromium on the PATH (${programs.join(', ')}), and none named in TEXTURA_CHROMIUM`;

/** Path of the browser: TEXTURA_CHROMIUM, else the first on the PATH; undefined where there is none. */
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
