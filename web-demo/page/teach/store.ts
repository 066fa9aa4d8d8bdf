/** Keeps surfaces and the taught network in the browser's database, so that a reload loses nothing. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Surface } from '../../shared/collection.ts';
import { type TaughtResult, taughtName } from '../../shared/teaching-api.ts';
import { tellUnkept } from '../storage.ts';

export interface KeptSurface extends Surface {
  /** Place in the list. */
  readonly place: number;
}

interface TeachingDatabase extends DBSchema {
  surfaces: { key: string; value: KeptSurface };
  models: { key: string; value: TaughtResult };
}

/** Nothing here rejects: what the browser refuses to keep is told by storage.ts, and what it refuses to give is not there. */
export interface TeachingStore {
  surfaces(): Promise<readonly Surface[]>;
  keepSurface(surface: KeptSurface): Promise<void>;
  removeSurfaces(ids: readonly string[]): Promise<void>;
  model(): Promise<TaughtResult | undefined>;
  keepModel(model: TaughtResult): Promise<void>;
  removeModel(): Promise<void>;
}

type Database = IDBPDatabase<TeachingDatabase>;

/** Keeps nothing where the browser has no database for the page, as with site data blocked and in some private windows. */
export async function openTeachingStore(): Promise<TeachingStore> {
  const database = await openDatabase();

  /** Does something with the database; undefined where there is none or it refuses. */
  async function use<T>(work: (database: Database) => Promise<T>): Promise<T | undefined> {
    if (database === undefined) return undefined;
    try {
      return await work(database);
    } catch {
      tellUnkept('teaching');
      return undefined;
    }
  }

  return {
    async surfaces() {
      const kept = (await use((open) => open.getAll('surfaces'))) ?? [];
      return kept.sort((a, b) => a.place - b.place);
    },
    async keepSurface(surface) {
      await use((open) => open.put('surfaces', surface));
    },
    async removeSurfaces(ids) {
      await use((open) => Promise.all(ids.map((id) => open.delete('surfaces', id))));
    },
    model: () => use((open) => open.get('models', taughtName)),
    async keepModel(model) {
      await use((open) => open.put('models', model, taughtName));
    },
    async removeModel() {
      await use((open) => open.delete('models', taughtName));
    },
  };
}

async function openDatabase(): Promise<Database | undefined> {
  try {
    return await openDB<TeachingDatabase>('textura', 1, {
      upgrade(fresh) {
        fresh.createObjectStore('surfaces', { keyPath: 'id' });
        fresh.createObjectStore('models');
      },
    });
  } catch {
    tellUnkept('teaching');
    return undefined;
  }
}
