/** Stores surfaces and the taught model in IndexedDB, so that they survive a reload. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Surface } from '../../shared/surfaces.ts';
import { type TaughtResult, taughtName } from '../../shared/teaching-api.ts';
import { markNotStored } from '../storage.ts';

interface StoredSurface extends Surface {
  /** Position in the list. */
  readonly place: number;
}

interface TeachingDatabase extends DBSchema {
  surfaces: { key: string; value: StoredSurface };
  models: { key: string; value: TaughtResult };
}

/** Never rejects: if the browser refuses, nothing is stored (`notStored` in storage.ts says so) or found. */
export interface TeachingStore {
  surfaces(): Promise<readonly Surface[]>;
  saveSurface(surface: StoredSurface): Promise<void>;
  removeSurfaces(ids: readonly string[]): Promise<void>;
  model(): Promise<TaughtResult | undefined>;
  saveModel(model: TaughtResult): Promise<void>;
  removeModel(): Promise<void>;
}

type Database = IDBPDatabase<TeachingDatabase>;

/** Stores nothing if the browser has no database for the page: blocked site data, some private windows. */
export async function openTeachingStore(): Promise<TeachingStore> {
  const database = await openDatabase();

  /** Undefined if there is no database or it refuses. */
  async function use<T>(work: (database: Database) => Promise<T>): Promise<T | undefined> {
    if (database === undefined) return undefined;
    try {
      return await work(database);
    } catch {
      markNotStored('teaching');
      return undefined;
    }
  }

  return {
    async surfaces() {
      const stored = (await use((open) => open.getAll('surfaces'))) ?? [];
      return stored.sort((a, b) => a.place - b.place);
    },
    async saveSurface(surface) {
      await use((open) => open.put('surfaces', surface));
    },
    async removeSurfaces(ids) {
      await use((open) => Promise.all(ids.map((id) => open.delete('surfaces', id))));
    },
    model: () => use((open) => open.get('models', taughtName)),
    async saveModel(model) {
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
    markNotStored('teaching');
    return undefined;
  }
}
