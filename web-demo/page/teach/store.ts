/** Stores surfaces and the taught model in IndexedDB, so that they survive a reload. */
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

/** What another tab of the page has stored. */
interface OtherTab {
  changed(surface: StoredSurface): void;
  removed(ids: readonly string[]): void;
}

/** Never rejects: if the browser refuses, nothing is stored (`notStored` in storage.ts says so) or found. */
export interface TeachingStore {
  surfaces(): Promise<readonly StoredSurface[]>;
  saveSurface(surface: StoredSurface): Promise<void>;
  removeSurfaces(ids: readonly string[]): Promise<void>;
  model(): Promise<TaughtResult | undefined>;
  saveModel(model: TaughtResult): Promise<void>;
  removeModel(): Promise<void>;
  follow(other: OtherTab): void;
}

/** Stores nothing if the browser has no database for the page: blocked site data, some private windows. */
export async function openTeachingStore(): Promise<TeachingStore> {
  const database = await openDatabase().catch(refused);
  const tabs = new BroadcastChannel('textura-surfaces');

  /** Undefined if there is no database or it refuses. */
  async function use<T>(
    name: StoreName,
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<T> | undefined,
  ): Promise<T | undefined> {
    return database && transact(database, name, mode, work).catch(refused);
  }

  return {
    async surfaces() {
      const read = (store: IDBObjectStore): IDBRequest<EarlierSurface[]> => store.getAll();
      const stored = (await use('surfaces', 'readonly', read)) ?? [];
      return stored
        .sort((a, b) => a.place - b.place)
        .map((surface, i) => ({ ...surface, colour: surface.colour ?? i }));
    },
    async saveSurface(surface) {
      tabs.postMessage(surface);
      await use('surfaces', 'readwrite', (store) => store.put(surface));
    },
    async removeSurfaces(ids) {
      tabs.postMessage(ids);
      await use('surfaces', 'readwrite', (store) => ids.map((id) => store.delete(id))[0]);
    },
    async model() {
      const read = (store: IDBObjectStore): IDBRequest<EarlierModel | undefined> => store.get(taughtName);
      const stored = await use('models', 'readonly', read);
      if (stored === undefined) return undefined;
      return { name: taughtName, colours: stored.labels.map((_, i) => i), heldOutOf: [], ...stored };
    },
    async saveModel(model) {
      await use('models', 'readwrite', (store) => store.put(model, taughtName));
    },
    async removeModel() {
      await use('models', 'readwrite', (store) => store.delete(taughtName));
    },
    follow({ changed, removed }) {
      tabs.onmessage = ({ data }: MessageEvent<StoredSurface | readonly string[]>) =>
        'id' in data ? changed(data) : removed(data);
    },
  };
}

type StoreName = 'surfaces' | 'models';

function refused(): undefined {
  markNotStored('teaching');
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('textura', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('surfaces', { keyPath: 'id' });
      request.result.createObjectStore('models');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** The result of the request that `work` returns, after everything is on disk. */
function transact<T>(
  database: IDBDatabase,
  name: StoreName,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T> | undefined,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode);
    const request = work(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
  });
}
