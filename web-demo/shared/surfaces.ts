/**
 * Surfaces of the Teach view, with the patches collected for each, and their split into training and test
 * data.
 */
import { compareCodePoints } from '../../model/code-point-order.ts';
import type { Patch } from '../../model/patch.ts';

export interface Surface {
  readonly id: string;
  readonly name: string;
  /** Index of its colour (`page/dom/colours.ts`). */
  readonly colour: number;
  /** In the order in which they were collected. */
  readonly patches: readonly Patch[];
}

/** Fewer patches of a surface are too few to train on. */
export const minPatches = 5;

/** Every fifth patch is held out. */
const heldOutShare = 5;

/** Longest folder name that all file systems accept, with a margin. */
const maxNameBytes = 200;

type SurfacesFault = 'unnamed' | 'names' | 'patches';

/** Why training cannot start yet; undefined if it can. */
export function surfacesFault(surfaces: readonly Surface[]): SurfacesFault | undefined {
  if (surfaces.some(({ name }) => name.trim() === '')) return 'unnamed';
  // Some file systems do not distinguish case.
  const names = surfaces.map(({ name }) => folderName(name)?.toLowerCase());
  if (names.some((name) => name === undefined) || new Set(names).size < names.length) return 'names';
  const enough = surfaces.every(({ patches }) => patches.length >= minPatches);
  return surfaces.length >= 2 && enough ? undefined : 'patches';
}

/**
 * The name as a label and class folder, in Unicode's composed form as the trainer reads it. Undefined if it
 * is no valid folder name: empty, hidden, with a separator or a control character, or too long.
 */
export function folderName(name: string): string | undefined {
  const composed = name.normalize('NFC').trim();
  const forbidden = /[/\\\p{Cc}<>:"|?*]|^\.|\.$/u.test(composed);
  const bytes = new TextEncoder().encode(composed).length;
  return composed === '' || forbidden || bytes > maxNameBytes ? undefined : composed;
}

/**
 * For each added name the index of its surface among the known ones, -1 if it is none of them. Names with the
 * same letters are of one surface, but each known one is found once: first by exactly its name. Without a name
 * it is none.
 */
export function knownSurfaces(known: readonly string[], added: readonly string[]): readonly number[] {
  const found = added.map(() => -1);
  for (const key of [(name: string) => name, (name: string) => name.normalize('NFC').trim()]) {
    added.forEach((name, i) => {
      const isIt = (other: string, k: number) => key(other) === key(name) && !found.includes(k);
      if (found[i] === -1 && name.trim() !== '') found[i] = known.findIndex(isIt);
    });
  }
  return found;
}

/** Patches for training and for testing, with their class indices and names. */
export interface TrainingSplit {
  /** In code-point order, as in a training run. */
  readonly labels: readonly string[];
  /** Of each label. */
  readonly colours: readonly number[];
  readonly training: LabelledPatches;
  readonly heldOut: LabelledPatches;
}

export interface LabelledPatches {
  readonly patches: readonly Patch[];
  readonly classes: Int32Array;
}

/**
 * Holds out the last fifth of each surface. It was collected last, so it differs more from the training
 * patches than a random fifth, and its error is less optimistic.
 */
export function splitSurfaces(surfaces: readonly Surface[]): TrainingSplit {
  const named = surfaces
    .map(({ name, colour, patches }) => ({ name: folderName(name) ?? name, colour, patches }))
    .sort((a, b) => compareCodePoints(a.name, b.name));
  const cut = (patches: readonly Patch[]) =>
    patches.length - Math.max(1, Math.floor(patches.length / heldOutShare));
  return {
    labels: named.map(({ name }) => name),
    colours: named.map(({ colour }) => colour),
    training: labelledPatches(named.map(({ patches }) => patches.slice(0, cut(patches)))),
    heldOut: labelledPatches(named.map(({ patches }) => patches.slice(cut(patches)))),
  };
}

function labelledPatches(byClass: readonly (readonly Patch[])[]): LabelledPatches {
  return {
    patches: byClass.flat(),
    classes: Int32Array.from(byClass.flatMap((patches, c) => patches.map(() => c))),
  };
}
