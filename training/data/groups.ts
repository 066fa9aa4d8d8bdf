/**
 * Groups of photographs, such as those of one roll, one board or one day. They look alike for reasons other
 * than their class, so a group on both sides of a split would make the validation error too low.
 */
import { messageOf, TexturaError } from '../../model/error.ts';
import { counted, listed, oneLine } from '../../model/words.ts';
import { callerPath } from '../../node/caller-path.ts';
import { isCsvPath, readCsvFile, repeatCheck } from '../../node/csv-file.ts';

/** The group of each photograph, by its name. */
export type Groups = ReadonlyMap<string, string>;

export interface GroupedPhotographs {
  readonly groups: Groups;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/** The value of `--group` for use in this process: a regular expression as it is, a path from the caller. */
export function groupOption(given: string | undefined): string | undefined {
  return given !== undefined && isCsvPath(given) ? callerPath(given) : given;
}

/** Whether these values of `--group` are files, which may move: the fingerprint of the data covers their groups. */
export function areGroupFiles(...options: readonly (string | undefined)[]): boolean {
  return options.every((option) => option !== undefined && isCsvPath(option));
}

/**
 * The groups of the photographs `names` (paths relative to the data folder): from a CSV file if `option` ends
 * in `.csv`, otherwise by the first capture group, or else the whole match, of a regular expression.
 * Errors: `usage` for an invalid expression; `file-unreadable`; `data-unusable` with the number and the first
 * names of the photographs without a group.
 */
export async function groupsOf(names: readonly string[], option: string): Promise<GroupedPhotographs> {
  return isCsvPath(option)
    ? groupsFromFile(names, option)
    : { groups: groupsByExpression(names, option), notes: [] };
}

function groupsByExpression(names: readonly string[], source: string): Groups {
  const expression = expressionOf(source);
  const groups = new Map<string, string>();
  for (const name of names) {
    const match = expression.exec(name.normalize('NFC'));
    const group = match === null ? undefined : match.length > 1 ? match[1] : match[0];
    if (group !== undefined && group !== '') groups.set(name, group);
  }
  requireAll(names, groups, (missing) => `--group ${source}: the expression finds no group in ${missing}`);
  return groups;
}

function expressionOf(source: string): RegExp {
  try {
    return new RegExp(source, 'u');
  } catch (cause) {
    throw new TexturaError(
      'usage',
      `--group: expected a CSV file (.csv) or a regular expression: ${oneLine(messageOf(cause))}`,
      { cause },
    );
  }
}

async function groupsFromFile(names: readonly string[], path: string): Promise<GroupedPhotographs> {
  const rows = await readCsvFile(path, { required: ['file', 'group'], optional: [] });
  const byName = new Map(names.map((name) => [name.normalize('NFC'), name]));
  const groups = new Map<string, string>();
  const requireNew = repeatCheck(path);
  const unused: string[] = [];
  for (const { line, cells } of rows) {
    const file = cells.file.normalize('NFC');
    requireNew(file, line);
    const name = byName.get(file);
    if (name === undefined) unused.push(file);
    else groups.set(name, cells.group.trim().normalize('NFC'));
  }
  requireAll(names, groups, (missing) => {
    const [first = ''] = names;
    return `${path}: there is no line for ${missing}. The column file has paths relative to the data folder, such as ${oneLine(first)}`;
  });
  const notes =
    unused.length === 0
      ? []
      : [`${path} has groups for ${counted(unused.length, 'file')} that the data lack: ${listed(unused)}`];
  return { groups, notes };
}

function requireAll(names: readonly string[], groups: Groups, message: (missing: string) => string): void {
  const missing = names.filter((name) => !groups.has(name));
  if (missing.length === 0) return;
  const what = `${missing.length} of ${counted(names.length, 'photograph')} (${listed(missing)})`;
  throw new TexturaError('data-unusable', message(what));
}
