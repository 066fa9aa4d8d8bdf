/** A home folder that nobody has used, to see what a program leaves there. */

import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface FreshHome {
  /**
   * The environment of a person who has set nothing. The variables of CI services are missing too: with one
   * of them onnxruntime reports nothing anyway.
   */
  readonly env: NodeJS.ProcessEnv;
  /** What is in the home folder now, at any depth. */
  contents(): readonly string[];
}

/** Makes the home folder in `folder`. */
export async function freshHome(folder: string): Promise<FreshHome> {
  const home = join(folder, 'home');
  await mkdir(home);
  return {
    env: { HOME: home, PATH: process.env.PATH },
    contents: () => readdirSync(home, { recursive: true }).map(String).sort(),
  };
}
