/** The list of surfaces in the Teach view, which stores every change. */
import type { Patch } from '../../../model/patch.ts';
import type { Surface } from '../../shared/surfaces.ts';
import { element } from '../dom/element.ts';
import { formatNumber, textOf } from '../language/language.ts';
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
  /** Adds an empty card and focuses its name. */
  add(): void;
  /** Shows the stored surfaces, and stores all changes from now on. */
  load(store: TeachingStore): Promise<void>;
  /** Replaces all surfaces by empty ones. */
  removeAll(): RemovedSurfaces;
}

/** `collect` returns a patch to add; `onChange` is called after every change. */
export function surfaceList(collect: () => Patch | undefined, onChange: () => void): SurfaceList {
  const root = element('ol', { class: 'surfaces' });
  const cardOf = new WeakMap<Element, SurfaceCard>();
  const removals = new Set<Removal>();
  let store: TeachingStore | undefined;

  /** In page order. */
  function cards(): readonly SurfaceCard[] {
    return [...root.children].flatMap((child) => cardOf.get(child) ?? []);
  }

  function addCard(surface: Surface): SurfaceCard {
    const card = surfaceCard(surface, cards().length + 1, {
      collect,
      onChange(changed) {
        onChange();
        void store?.saveSurface({ ...changed, place: cards().indexOf(card) });
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
    const deleteStored = () => void store?.removeSurfaces([id]);
    if (isEmpty(card.surface())) {
      const next = cards()[cards().indexOf(card) + 1] ?? cards()[0];
      card.root.remove();
      next?.focus();
      deleteStored();
      onChange();
      return;
    }
    const text = () => textOf('teach.removed', { name, count: formatNumber(patches.length) });
    const line = removal('li', text, {
      onUndo() {
        removals.delete(line);
        line.root.before(card.root);
        card.focus();
        onChange();
      },
      onDelete() {
        removals.delete(line);
        deleteStored();
      },
    });
    removals.add(line);
    card.root.replaceWith(line.root);
    line.focus();
    onChange();
  }

  function fillUp(): void {
    while (cards().length < minCards) addCard(emptySurface());
    onChange();
  }

  return {
    root,
    surfaces: () => cards().map((card) => card.surface()),
    add() {
      addCard(emptySurface()).focus();
      onChange();
    },
    async load(from) {
      store = from;
      for (const surface of await from.surfaces()) addCard(surface);
      fillUp();
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
          for (const card of cards()) if (isEmpty(card.surface())) card.root.remove();
          root.prepend(...removed.map((card) => card.root));
          onChange();
        },
        delete: () => void store?.removeSurfaces(surfaces.map(({ id }) => id)),
      };
    },
  };
}

function isEmpty({ name, patches }: Surface): boolean {
  return name === '' && patches.length === 0;
}

function emptySurface(): Surface {
  return { id: freshId(), name: '', patches: [] };
}

/** `crypto.randomUUID` needs a secure context; `getRandomValues` does not. */
function freshId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-');
}
