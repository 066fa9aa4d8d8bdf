/**
 * Paths of input files as the person means them: in the repository npm starts a script in its folder, wherever
 * npm was started.
 */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { isPackaged } from './own-module.ts';

/** For `--help`. */
export const callerPathHelp = isPackaged()
  ? 'a relative path starts in the current folder'
  : 'a relative path is looked up where npm was started, then in the package';

/**
 * The path for use in this process: below the folder where npm was started if it leads to something there,
 * otherwise as it is. Only for what is read: what is written has its place in the package.
 */
export function callerPath(path: string, environment: NodeJS.ProcessEnv = process.env): string {
  const { INIT_CWD: caller, npm_package_json: manifest } = environment;
  if (caller === undefined || manifest === undefined || isAbsolute(path) || isPackaged()) return path;
  const here = process.cwd();
  // A process that runs elsewhere has inherited the variables.
  if (dirname(manifest) !== here) return path;
  const meant = resolve(caller, path);
  if (resolve(caller) === here || !existsSync(meant)) return path;
  const fromHere = relative(here, meant);
  return fromHere === '' || fromHere.split(sep)[0] === '..' ? meant : fromHere;
}
