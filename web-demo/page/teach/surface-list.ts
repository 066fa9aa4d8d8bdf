/** The surfaces that are being taught, as cards that are kept in the browser's database. */
import type { Patch } from '../../../model/patch.ts';
import type { Surface } from '../../shared/collection.ts';
import { element } from '../dom/element.ts';
import { formatNumber, textOf } from '../language/language.ts';
import { type Removal, removal } from './removal.ts';
import type { TeachingStore } from './store.ts';
import { type SurfaceCard, surfaceCard } from './surface-card.ts';

/** There is nothing to tell apart with fewer. */
const fewestCards = 2;

/** All surfaces, taken off the list; what was kept of them is still kept. */
export interface TakenSurfaces {
  readonly surfaces: readonly Surface[];
  /** Puts them back, before those that have been begun meanwhile. */
  giveBack(): void;
  /** Deletes what was kept of them. */
  delete(): void;
}

export interface SurfaceList {
  readonly root: HTMLElement;
  surfaces(): readonly Surface[];
  /** Adds an empty card and puts the cursor into its name. */
  add(): void;
  /** Shows what was kept, and keeps all changes from now on. */
  restore(store: TeachingStore): Promise<void>;
  /** Leaves empty cards. */
  takeAll(): TakenSurfaces;
}

/** `collect` gives a patch to add; `onChange` is called after every change. */
export function surfaceList(collect: () => Patch | undefined, onChange: () => void): SurfaceList {
  const root = element('ol', { class: 'surfaces' });
  const cardOf = new WeakMap<Element, SurfaceCard>();
  const removals = new Set<Removal>();
  let store: TeachingStore | undefined;

  /** In their order on the page. */
  function cards(): readonly SurfaceCard[] {
    return [...root.children].flatMap((child) => cardOf.get(child) ?? []);
  }

  function addCard(surface: Surface): SurfaceCard {
    const card = surfaceCard(surface, cards().length + 1, {
      collect,
      onChange(changed) {
        onChange();
        void store?.keepSurface({ ...changed, place: cards().indexOf(card) });
      },
      onRemove: () => remove(card),
    });
    cardOf.set(card.root, card);
    root.append(card.root);
    return card;
  }

  /** Something that a person has put work into can be brought back. */
  function remove(card: SurfaceCard): void {
    const { id, name, patches } = card.surface();
    const deleteKept = () => void store?.removeSurfaces([id]);
    if (isEmpty(card.surface())) {
      const next = cards()[cards().indexOf(card) + 1] ?? cards()[0];
      card.root.remove();
      next?.focus();
      deleteKept();
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
        deleteKept();
      },
    });
    removals.add(line);
    card.root.replaceWith(line.root);
    line.focus();
    onChange();
  }

  function fillUp(): void {
    while (cards().length < fewestCards) addCard(emptySurface());
    onChange();
  }

  return {
    root,
    surfaces: () => cards().map((card) => card.surface()),
    add() {
      addCard(emptySurface()).focus();
      onChange();
    },
    async restore(from) {
      store = from;
      for (const surface of await from.surfaces()) addCard(surface);
      fillUp();
    },
    takeAll() {
      for (const line of removals) line.end();
      const taken = cards();
      root.replaceChildren();
      fillUp();
      const surfaces = taken.map((card) => card.surface());
      return {
        surfaces: surfaces.filter((surface) => !isEmpty(surface)),
        giveBack() {
          for (const card of cards()) if (isEmpty(card.surface())) card.root.remove();
          root.prepend(...taken.map((card) => card.root));
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

/** `crypto.randomUUID` is for secure contexts only; this much of `crypto` is for all. */
function freshId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-');
}
