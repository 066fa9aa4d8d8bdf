/** The list of surfaces in the Teach view, which stores every change. */
import type { Patch } from '../../../model/patch.ts';
import { knownSurfaces, type Surface } from '../../shared/surfaces.ts';
import { element } from '../dom/element.ts';
import { textOf } from '../language/language.ts';
import { type Removal, removal } from './removal.ts';
import type { TeachingStore } from './store.ts';
import { type SurfaceCard, surfaceCard } from './surface-card.ts';

/** Fewer classes cannot be distinguished. */
const minCards = 2;

/** Surfaces that were removed from the list but are still stored. */
interface RemovedSurfaces {
  readonly surfaces: readonly Surface[];
  /** Puts them back, in front of surfaces that were added in the meantime. */
  restore(): void;
  /** Deletes them from the store. */
  delete(): void;
}

interface SurfaceList {
  readonly root: HTMLElement;
  surfaces(): readonly Surface[];
  /** Whether no surface has a name or patches. */
  isEmpty(): boolean;
  /** Adds an empty card and focuses its name. */
  add(): void;
  /**
   * Adds surfaces with their patches, in place of empty ones. Patches of a known name go to its surface,
   * unless it has them already. Removed surfaces cannot be restored after that.
   */
  addAll(surfaces: readonly Omit<Surface, 'id'>[]): void;
  /** Shows the stored surfaces, and from then on what another tab of the page changes. */
  load(): Promise<void>;
  /** Replaces all surfaces by empty ones. */
  removeAll(): RemovedSurfaces;
}

/** `collect` returns a patch to add; `onAnyChange` is called after every change. */
export function surfaceList(
  store: TeachingStore,
  collect: () => Patch | undefined,
  onAnyChange: () => void,
): SurfaceList {
  const root = element('ol', { class: 'surfaces' });
  const cardOf = new WeakMap<Element, SurfaceCard>();
  /** Also those that have ended. */
  const removals: Removal[] = [];
  /** After the places of all surfaces, also of removed ones, which Undo puts back where they were. */
  let nextPlace = 0;

  /** In page order. */
  function cards(): readonly SurfaceCard[] {
    return [...root.children].flatMap((child) => cardOf.get(child) ?? []);
  }

  function onChange(): void {
    cards().forEach((card, i) => {
      card.number(i + 1);
    });
    onAnyChange();
  }

  /** The first colour from `colour` on that no surface has. */
  function freeColour(colour = 0): number {
    const isUsed = cards().some((card) => card.surface().colour === colour);
    return isUsed ? freeColour(colour + 1) : colour;
  }

  function addCard(surface: Surface, place = nextPlace): SurfaceCard {
    nextPlace = Math.max(nextPlace, place + 1);
    const card = surfaceCard(surface, {
      collect,
      onChange(changed) {
        onAnyChange();
        void store.saveSurface({ ...changed, place });
      },
      onRemove: () => remove(card),
    });
    cardOf.set(card.root, card);
    root.append(card.root);
    return card;
  }

  /** A removed surface can be restored for a while, unless it is empty. */
  function remove(card: SurfaceCard): void {
    const { id, name, patches } = card.surface();
    const deleteStored = () => void store.removeSurfaces([id]);
    if (isEmpty(card.surface())) {
      const next = cards()[cards().indexOf(card) + 1] ?? cards()[0];
      card.root.remove();
      next?.focus();
      deleteStored();
      onChange();
      return;
    }
    const text = () => textOf('teach.removed', { name, count: patches.length });
    const line = removal('li', text, {
      onUndo() {
        line.root.before(card.root);
        card.focus();
        onChange();
      },
      onDelete: deleteStored,
    });
    removals.push(line);
    card.root.replaceWith(line.root);
    line.focus();
    onChange();
  }

  function dropEmpty(): readonly SurfaceCard[] {
    const empty = cards().filter((card) => isEmpty(card.surface()));
    for (const card of empty) card.root.remove();
    return empty;
  }

  function fillUp(): void {
    while (cards().length < minCards) addCard(emptySurface(freeColour()));
    onChange();
  }

  return {
    root,
    surfaces: () => cards().map((card) => card.surface()),
    isEmpty: () => cards().every((card) => isEmpty(card.surface())),
    add() {
      const card = addCard(emptySurface(freeColour()));
      onChange();
      card.focus();
    },
    addAll(surfaces) {
      for (const line of removals) line.end();
      void store.removeSurfaces(dropEmpty().map((card) => card.surface().id));
      const before = cards();
      const known = knownSurfaces(
        before.map((card) => card.surface().name),
        surfaces.map(({ name }) => name),
      );
      for (const [i, { name, colour, patches }] of surfaces.entries()) {
        const card =
          before[known[i] ?? -1] ?? addCard({ id: freshId(), name, colour: freeColour(colour), patches: [] });
        const stored = new Set(card.surface().patches.map(keyOf));
        card.addPatches(patches.filter((patch) => !stored.has(keyOf(patch))));
      }
      fillUp();
    },
    async load() {
      for (const { place, ...surface } of await store.surfaces()) addCard(surface, place);
      fillUp();
      // Otherwise the tab that stores a surface last would undo what the other one collected.
      store.follow({
        changed({ place, ...surface }) {
          dropEmpty();
          const before = cards().find((card) => card.surface().id === surface.id);
          const { root: changed } = addCard(surface, place);
          before?.root.replaceWith(changed);
          fillUp();
        },
        removed(ids) {
          for (const card of cards()) if (ids.includes(card.surface().id)) card.root.remove();
          fillUp();
        },
      });
    },
    removeAll() {
      for (const line of removals) line.end();
      const removed = cards();
      root.replaceChildren();
      fillUp();
      const surfaces = removed.map((card) => card.surface());
      return {
        surfaces: surfaces.filter((surface) => !isEmpty(surface)),
        restore() {
          dropEmpty();
          root.prepend(...removed.map((card) => card.root));
          onChange();
        },
        delete: () => void store.removeSurfaces(surfaces.map(({ id }) => id)),
      };
    },
  };
}

/** Equal for equal patches. */
function keyOf(patch: Patch): string {
  return String.fromCharCode(...patch);
}

function isEmpty({ name, patches }: Surface): boolean {
  return name === '' && patches.length === 0;
}

function emptySurface(colour: number): Surface {
  return { id: freshId(), name: '', colour, patches: [] };
}

/** `crypto.randomUUID` needs a secure context; `getRandomValues` does not. */
function freshId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-');
}
