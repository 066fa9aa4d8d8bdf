/** The product's TypeScript files, for tests of rules that all of them keep. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const rooms = ['model', 'graph', 'node', 'training', 'report', 'study', 'setup', 'export', 'serve'];

/**
 * Paths from the repository's root of the files whose text matches. Errors: where files seem to be missing.
 */
export function sourcesThatMatch(pattern: RegExp): readonly string[] {
  const files = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(room, name)),
  );
  if (files.length < 200) throw new Error(`only ${files.length} files in ${rooms.join(', ')}`);
  return files.filter((name) => pattern.test(readFileSync(join(root, name), 'utf8')));
}
