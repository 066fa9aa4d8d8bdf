/**
 * textura.config.json in the folder where a command runs has options that people would otherwise repeat on
 * every command line, by command:
 *
 *     { "train": { "data": "photos", "threads": 2 }, "serve": { "port": 9000, "host": "0.0.0.0" } }
 *
 * Options on the command line override them. A command names the options that may be set: not those that
 * choose what happens once, such as --resume.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { issueTexts } from '../model/issue-text.ts';
import { nearestWord, oneLine } from '../model/words.ts';

export const configFile = 'textura.config.json';

/** Commands with options that the file may set, in the order of its schema. */
export const configuredCommands = [
  'train',
  'export',
  'evaluate',
  'classify',
  'serve',
  'ablate',
  'ablate:worker',
] as const;

interface ConfiguredCommand {
  readonly name: string;
  readonly options: z.ZodObject;
  readonly configurable?: readonly string[];
}

/**
 * What the file sets for a command; empty without a file. Errors: `usage`, naming the file, the place in it and
 * what is expected there.
 */
export function configuredOptions(
  { name, options, configurable = [] }: ConfiguredCommand,
  folder: string = process.cwd(),
): Readonly<Record<string, unknown>> {
  if (configurable.length === 0) return {};
  const file = objectOf(fileContent(join(folder, configFile)), '');
  requireKnown(Object.keys(file), ['$schema', ...configuredCommands], 'a command', '');
  const section = objectOf(file[name], name);
  requireKnown(Object.keys(section), configurable, `an option of ${name} that this file may set`, `${name}.`);
  const checked = Object.entries(section).map(([key, value]) => {
    const result = (options.shape[key] as z.ZodType).safeParse(value);
    if (result.success) return [key, result.data] as const;
    const placeOf = (path: readonly PropertyKey[]) => [`${name}.${key}`, ...path].join('.');
    throw fault(issueTexts(result.error, { input: value, placeOf })[0] ?? key);
  });
  return Object.fromEntries(checked);
}

/** `{}` if there is no file. */
function fileContent(path: string): unknown {
  let text: string;
  try {
    // Editors on Windows may write a byte order mark.
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw fault(`it cannot be read (${code})`, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fault(`not JSON: ${(cause as Error).message}`, cause);
  }
}

function objectOf(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw fault(`${place === '' ? '' : `${place}: `}expected an object`);
}

function requireKnown(keys: readonly string[], known: readonly string[], what: string, place: string): void {
  for (const key of keys) {
    if (known.includes(key)) continue;
    const nearest = nearestWord(key, known);
    const hint = nearest === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${nearest}?`;
    throw fault(`${place}${key}: not ${what}; ${hint}`);
  }
}

function fault(text: string, cause?: unknown): TexturaError {
  return new TexturaError('usage', `${configFile}: ${oneLine(text)}`, { cause });
}
