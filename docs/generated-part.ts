/** The part of a page of docs/ that a command makes, between `<!-- NAME -->` and `<!-- end of NAME -->`. */
import { readFile } from 'node:fs/promises';
import { TexturaError } from '../model/error.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';

/** Replaces what is between the two marks. Errors: `file-damaged` if the page lacks one. */
export async function writeGeneratedPart(path: string, name: string, content: string): Promise<void> {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [before, rest] = (await readFile(path, 'utf8')).split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new TexturaError('file-damaged', `${path}: expected the lines ${begin} and ${end}`);
  await writeFileAtomically(path, `${before}${begin}\n\n${content.trim()}\n\n${end}${after}`);
}
