/** Surfaces that a person has named, with the patches collected of each. */
import type { Patch } from '../../model/patch.ts';

export interface Surface {
  readonly id: string;
  readonly name: string;
  /** In the order in which they were collected. */
  readonly patches: readonly Patch[];
}

/** Fewer patches of a surface are not worth learning from. */
export const leastPatches = 5;

/** Every fifth patch is held out. */
const heldOutShare = 5;

/** Longest name: some file systems hold no longer folder. */
const mostNameBytes = 200;

export type CollectionFault = 'names' | 'patches';

/** Why the surfaces cannot be learnt yet; undefined where they can. */
export function collectionFault(surfaces: readonly Surface[]): CollectionFault | undefined {
  const names = surfaces.map(({ name }) => folderName(name));
  if (names.some((name) => name === undefined) || new Set(names).size < names.length) return 'names';
  const enough = surfaces.every(({ patches }) => patches.length >= leastPatches);
  return surfaces.length >= 2 && enough ? undefined : 'patches';
}

/**
 * A name as a label and as the name of a class folder, which trainers read in Unicode's composed form. Undefined where no folder may
 * be called so: empty, hidden, with a separator or a control character, or too long.
 */
export function folderName(name: string): string | undefined {
  const composed = name.normalize('NFC').trim();
  const forbidden = /[/\\\p{Cc}<>:"|?*]|^\.|\.$/u.test(composed);
  const bytes = new TextEncoder().encode(composed).length;
  return composed === '' || forbidden || bytes > mostNameBytes ? undefined : composed;
}

/** Patches `[count,64,64]` with their class indices and names, to learn from and to test with. */
export interface Lesson {
  /** In code-point order, as a training run has them. */
  readonly labels: readonly string[];
  readonly training: LabelledPatches;
  readonly heldOut: LabelledPatches;
}

export interface LabelledPatches {
  readonly patches: readonly Patch[];
  readonly classes: Int32Array;
}

/**
 * Holds out the last fifth of each surface: it was collected last, so it differs more from the others than a random fifth would, and an
 * error on it flatters less.
 */
export function lessonOf(surfaces: readonly Surface[]): Lesson {
  const named = surfaces
    .map(({ name, patches }) => ({ name: folderName(name) ?? name, patches }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const cut = (patches: readonly Patch[]) =>
    patches.length - Math.max(1, Math.floor(patches.length / heldOutShare));
  return {
    labels: named.map(({ name }) => name),
    training: labelled(named.map(({ patches }) => patches.slice(0, cut(patches)))),
    heldOut: labelled(named.map(({ patches }) => patches.slice(cut(patches)))),
  };
}

function labelled(byClass: readonly (readonly Patch[])[]): LabelledPatches {
  return {
    patches: byClass.flat(),
    classes: Int32Array.from(byClass.flatMap((patches, c) => patches.map(() => c))),
  };
}
