/** Stores surfaces and the taught model in IndexedDB, so that they survive a reload. */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Surface } from '../../shared/surfaces.ts';
import { type TaughtResult, taughtName } from '../../shared/teaching-api.ts';
import { markNotStored } from '../storage.ts';

interface StoredSurface extends Surface {
  /** Surfaces are listed by increasing place. */
  readonly place: number;
}

/** As earlier versions stored them, without what was added later. */
type EarlierSurface = Omit<StoredSurface, 'colour'> & Partial<Pick<Surface, 'colour'>>;
type EarlierModel = Omit<TaughtResult, 'name' | 'colours' | 'heldOutOf'> & Partial<TaughtResult>;

interface TeachingDatabase extends DBSchema {
  surfaces: { key: string; value: EarlierSurface };
  models: { key: string; value: EarlierModel };
}

/** Never rejects: if the browser refuses, nothing is stored (`notStored` in storage.ts says so) or found. */
export interface TeachingStore {
  surfaces(): Promise<readonly StoredSurface[]>;
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
      return stored
        .sort((a, b) => a.place - b.place)
        .map((surface, i) => ({ ...surface, colour: surface.colour ?? i }));
    },
    async saveSurface(surface) {
      await use((open) => open.put('surfaces', surface));
    },
    async removeSurfaces(ids) {
      await use((open) => Promise.all(ids.map((id) => open.delete('surfaces', id))));
    },
    async model() {
      const stored = await use((open) => open.get('models', taughtName));
      if (stored === undefined) return undefined;
      return { name: taughtName, colours: stored.labels.map((_, i) => i), heldOutOf: [], ...stored };
    },
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
