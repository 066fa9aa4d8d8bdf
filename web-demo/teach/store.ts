/** Keeps surfaces and the taught network in the browser's database, so that a reload loses nothing. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Surface } from './collection.ts';
import { type TaughtResult, taughtName } from './messages.ts';

export interface KeptSurface extends Surface {
  /** Place in the list. */
  readonly place: number;
}

interface TeachingDatabase extends DBSchema {
  surfaces: { key: string; value: KeptSurface };
  models: { key: string; value: TaughtResult };
}

export interface TeachingStore {
  surfaces(): Promise<readonly Surface[]>;
  keepSurface(surface: KeptSurface): Promise<void>;
  removeSurface(id: string): Promise<void>;
  model(): Promise<TaughtResult | undefined>;
  keepModel(model: TaughtResult): Promise<void>;
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
    model: () => database.get('models', taughtName),
    async keepModel(model) {
      await database.put('models', model, taughtName);
    },
    async clear() {
      await database.clear('surfaces');
      await database.clear('models');
    },
  };
}
