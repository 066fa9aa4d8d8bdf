/**
 * A project of the Teach view as one file: a zip of class folders, which `npm run train` takes too, with
 * `project.json` and the trained model.
 */
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { compareCodePoints } from '../../../model/code-point-order.ts';
import { inputPx, type Patch } from '../../../model/patch.ts';
import { type ProjectDescription, projectFiles, projectSchema } from '../../../model/project-file.ts';
import { folderName, type Surface } from '../../shared/surfaces.ts';
import { defaultTaughtName, type TaughtResult } from '../../shared/teaching-api.ts';
import { greyPng, greyPngLevels } from './grey-png.ts';

interface Project {
  /** Without those that are empty. */
  readonly surfaces: readonly Omit<Surface, 'id'>[];
  readonly trained: TaughtResult | undefined;
}

interface ReadProject extends Project {
  /** How many pictures in the file are not among the patches. */
  readonly leftOut: number;
}

/** Why a file is no project. */
export class ProjectError extends Error {
  override readonly name = 'ProjectError';
  readonly fault: 'not-project' | 'too-large';

  constructor(fault: ProjectError['fault'], options?: ErrorOptions) {
    super(`project: ${fault}`, options);
    this.fault = fault;
  }
}

/** Unpacked. A surface of 1000 patches has about 4 MB. */
const maxBytes = 250e6;

const { description: projectJson, readme: readmeFile } = projectFiles;
const readme = `A project of Textura's Teach view. To continue with it, import this file there.
The folders have patches of 64x64 pixels. To train on them on your own computer, unpack this file and run:
  npm run train -- --data FOLDER      in a clone of Textura
  npx textura train --data FOLDER     with the package
`;

/** The zip of a project. */
export function projectFile({ surfaces, trained }: Project): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  const modelFiles = trained === undefined ? [] : [modelFile(trained)];
  const taken = new Set([readmeFile, projectJson, ...modelFiles].map((name) => name.toLowerCase()));
  const listed = surfaces.map(({ name, colour, patches }, i) => {
    const folder = freeFolder(folderName(name) ?? `surface-${i + 1}`, taken);
    for (const [number, patch] of patches.entries()) {
      files[`${folder}/${String(number + 1).padStart(4, '0')}.png`] = greyPng(patch, inputPx);
    }
    return { name, folder, colour };
  });
  files[readmeFile] = strToU8(readme);
  const project = { format: 'textura-project', version: 1, surfaces: listed };
  if (trained === undefined) files[projectJson] = strToU8(JSON.stringify(project));
  else {
    const { model, ...about } = trained;
    const file = modelFile(trained);
    files[file] = model;
    files[projectJson] = strToU8(JSON.stringify({ ...project, model: { ...about, file } }));
  }
  // Stored, because PNG is compressed already.
  return zipSync(files, { level: 0 });
}

function modelFile({ name }: TaughtResult): string {
  return `${name}.onnx`;
}

/** The wanted name, with a number if it is taken. Some file systems do not distinguish case. */
function freeFolder(wanted: string, taken: Set<string>): string {
  let folder = wanted;
  for (let number = 2; taken.has(folder.toLowerCase()); number++) folder = `${wanted}-${number}`;
  taken.add(folder.toLowerCase());
  return folder;
}

/**
 * Reads a project, or class folders of patches without `project.json`. Pictures that are no patches of this
 * page, or in a folder that `project.json` does not list, are left out. A model that is missing is empty.
 * Errors: ProjectError.
 */
export function readProject(zip: Uint8Array): ReadProject {
  const files = unpacked(zip);
  const described = describedIn(files[projectJson]);
  const patches = patchesByFolder(files);
  const surfaces =
    described?.surfaces.map(({ name, folder, colour }) => ({ name, folder, colour })) ??
    [...patches.keys()].map((folder, colour) => ({ name: folder, folder, colour }));
  const filled = surfaces.map(({ name, folder, colour }) => ({
    name,
    colour,
    patches: patches.get(folder) ?? [],
  }));
  if (filled.every((surface) => surface.patches.length === 0)) throw new ProjectError('not-project');
  const pictures = Object.keys(files).filter((path) => isPicture.test(path));
  const leftOut = filled.reduce((rest, surface) => rest - surface.patches.length, pictures.length);
  return { surfaces: filled, trained: described?.model && trainedOf(described.model, files), leftOut };
}

/** Not those that macOS adds, such as `__MACOSX/oak/._0001.png`. */
const isPicture = /(^|\/)[^./][^/]*\.png$/;

function trainedOf(
  { file, ...about }: NonNullable<ProjectDescription['model']>,
  files: Readonly<Record<string, Uint8Array>>,
): TaughtResult {
  const name = folderName(about.name) ?? defaultTaughtName;
  return { ...about, name, model: files[file] ?? new Uint8Array() };
}

function unpacked(zip: Uint8Array): Readonly<Record<string, Uint8Array>> {
  let bytes = 0;
  try {
    return unzipSync(zip, {
      filter({ originalSize }) {
        bytes += originalSize;
        if (bytes > maxBytes) throw new ProjectError('too-large');
        return true;
      },
    });
  } catch (cause) {
    if (cause instanceof ProjectError) throw cause;
    throw new ProjectError('not-project', { cause });
  }
}

function describedIn(file: Uint8Array | undefined): ProjectDescription | undefined {
  if (file === undefined) return undefined;
  try {
    return projectSchema.parse(JSON.parse(strFromU8(file)));
  } catch (cause) {
    throw new ProjectError('not-project', { cause });
  }
}

/** Patches of each folder, in the order of their names. */
function patchesByFolder(files: Readonly<Record<string, Uint8Array>>): ReadonlyMap<string, readonly Patch[]> {
  const folders = new Map<string, Patch[]>();
  for (const path of Object.keys(files).sort(compareCodePoints)) {
    const [folder, name, ...deeper] = path.split('/');
    const file = files[path];
    if (folder === undefined || name === undefined || deeper.length > 0 || !isPicture.test(path)) continue;
    const levels = file && greyPngLevels(file, inputPx);
    if (levels === undefined) continue;
    folders.set(folder, [...(folders.get(folder) ?? []), levels]);
  }
  return folders;
}
