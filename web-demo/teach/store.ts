/** Keeps surfaces and the taught network in the browser's database, so that a reload loses nothing. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { SelfCheck } from '../inference/messages.ts';
import type { Surface } from './collection.ts';

export interface KeptSurface extends Surface {
  /** Place in the list. */
  readonly place: number;
}

export interface KeptModel {
  readonly model: Uint8Array;
  readonly labels: readonly string[];
  readonly selfCheck: SelfCheck;
  readonly base: string;
  readonly heldOut: { readonly wrong: number; readonly count: number };
  readonly trainingPatches: number;
  readonly seconds: number;
}

interface TeachingDatabase extends DBSchema {
  surfaces: { key: string; value: KeptSurface };
  models: { key: string; value: KeptModel };
}

const modelKey = 'taught';

export interface TeachingStore {
  surfaces(): Promise<readonly Surface[]>;
  keepSurface(surface: KeptSurface): Promise<void>;
  removeSurface(id: string): Promise<void>;
  model(): Promise<KeptModel | undefined>;
  keepModel(model: KeptModel): Promise<void>;
  clear(): Promise<void>;
}

/** Rejects where the browser keeps no data for the page, as in some private windows. */
export async function openTeachingStore(): Promise<TeachingStore> {
  const database: IDBPDatabase<TeachingDatabase> = await openDB<TeachingDatabase>('textura', 1, {
    upgrade(fresh) {
      fresh.createObjectStore('surfaces', { keyPath: 'id' });
      fresh.createObjectStore('models');
    },
  });
  return {
    async surfaces() {
      const kept = await database.getAll('surfaces');
      return kept.sort((a, b) => a.place - b.place);
    },
    async keepSurface(surface) {
      await database.put('surfaces', surface);
    },
    removeSurface: (id) => database.delete('surfaces', id),
    model: () => database.get('models', modelKey),
    async keepModel(model) {
      await database.put('models', model, modelKey);
    },
    async clear() {
      await database.clear('surfaces');
      await database.clear('models');
    },
  };
}
