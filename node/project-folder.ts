/** Projects of the page's Teach view that were unpacked to folders of classes. */
import { join } from 'node:path';
import { jsonOf } from '../model/issue-text.ts';
import { projectFiles, projectSchema } from '../model/project-file.ts';
import type { WalkedFile } from './folder-walk.ts';
import { readTextIfReadable } from './optional-file.ts';

/** The names of a project's files that are not in its class folders; none in other folders. */
export function projectFilesIn(root: string, files: readonly WalkedFile[]): readonly string[] {
  const { description, readme } = projectFiles;
  const found = files.find(({ name }) => name === description);
  const text = found && readTextIfReadable(join(root, description));
  const project = projectSchema.safeParse(jsonOf(text ?? '')).data;
  if (project === undefined) return [];
  return [description, readme, ...(project.model === undefined ? [] : [project.model.file])];
}
