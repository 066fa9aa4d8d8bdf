/** The surfaces that are being taught, as cards that are kept in the browser's database. */
import type { Patch } from '../../model/patch.ts';
import { element } from '../dom/element.ts';
import type { Surface } from './collection.ts';
import type { TeachingStore } from './store.ts';
import { type SurfaceCard, surfaceCard } from './surface-card.ts';

/** There is nothing to tell apart with fewer. */
const fewestCards = 2;

export interface SurfaceList {
  readonly root: HTMLElement;
  surfaces(): readonly Surface[];
  /** Adds an empty card and puts the cursor into its name. */
  add(): void;
  /** Shows what was kept, and keeps all changes from now on. */
  restore(store: TeachingStore | undefined): Promise<void>;
  /** Begins anew with empty cards; what was kept is the caller's to clear. */
  clear(): void;
}

/** `collect` gives a patch to add; `onChange` is called after every change. */
export function surfaceList(collect: () => Patch | undefined, onChange: () => void): SurfaceList {
  const root = element('ol', { class: 'surfaces' });
  let cards: SurfaceCard[] = [];
  let store: TeachingStore | undefined;

  function addCard(surface: Surface): void {
    const card = surfaceCard(surface, cards.length + 1, {
      collect,
      onChange(changed) {
        onChange();
        void store?.keepSurface({ ...changed, place: cards.indexOf(card) });
      },
      onRemove({ id }) {
        const next = cards[cards.indexOf(card) + 1] ?? cards[0];
        card.root.remove();
        cards = cards.filter((other) => other !== card);
        next?.focus();
        onChange();
        void store?.removeSurface(id);
      },
    });
    cards.push(card);
    root.append(card.root);
  }

  function fillUp(): void {
    while (cards.length < fewestCards) addCard(emptySurface());
    onChange();
  }

  return {
    root,
    surfaces: () => cards.map((card) => card.surface()),
    add() {
      addCard(emptySurface());
      onChange();
      cards.at(-1)?.focus();
    },
    async restore(from) {
      store = from;
      for (const surface of (await from?.surfaces()) ?? []) addCard(surface);
      fillUp();
    },
    clear() {
      cards = [];
      root.replaceChildren();
      fillUp();
    },
  };
}

function emptySurface(): Surface {
  return { id: crypto.randomUUID(), name: '', patches: [] };
}
