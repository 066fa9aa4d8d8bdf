/**
 * The models that answer. The folder is looked at again and again: what is new or changed is tried, loaded and checked beside what
 * answers, and only then takes its place; what is broken is refused and the old one kept.
 */
import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import type { GraphKind, ModelReport } from '../../model/model-file.ts';
import type { ModelSessions } from '../inference/batcher.ts';
import { type BrokenSource, listModelFolder, type ModelSource, readReport } from './model-folder.ts';
import type { ModelHost, Note } from './model-host.ts';
import { Probation, probationOf } from './probation.ts';
import { selfCheckOf } from './self-check.ts';
import type { ServedModel } from './served-model.ts';

export interface RegistrySettings {
  readonly folder: string;
  readonly reloadIntervalMs: number;
  /** Largest ONNX file that is read. */
  readonly maxModelBytes: number;
}

/** A model that a request holds on to until it lets go, so that it answers even when a new one has taken its place. */
export interface ModelLease {
  readonly model: ServedModel;
  letGo(): void;
}

/** What became of a model in the folder. */
export type ModelChange = 'loaded' | 'replaced' | 'refused' | 'removed';

export interface RegistryEvents {
  readonly onChange: (name: string, change: ModelChange) => void;
  readonly note: Note;
}

const preferredName = 'reference';

export class Registry {
  readonly #settings: RegistrySettings;
  readonly #host: ModelHost;
  readonly #events: RegistryEvents;
  readonly #models = new Map<string, { readonly model: ServedModel; readonly stamp: string }>();
  readonly #leases = new Map<ModelSessions, number>();
  /** Stamps of what was refused, so that each fault is told once. */
  readonly #refused = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #hasLooked = false;
  #isClosed = false;

  constructor(settings: RegistrySettings, host: ModelHost, events: RegistryEvents) {
    this.#settings = settings;
    this.#host = host;
    this.#events = events;
    host.whenLost((sessions) => this.#drop(sessions));
  }

  /** Loads what the folder has, then looks for changes from time to time. */
  async start(): Promise<void> {
    await this.refresh();
    this.#hasLooked = true;
    const look = async () => {
      await this.refresh();
      if (!this.#isClosed) this.#timer = setTimeout(look, this.#settings.reloadIntervalMs);
    };
    this.#timer = setTimeout(look, this.#settings.reloadIntervalMs);
  }

  /** Looks at the folder once. Never rejects: what can't be used is noted, and the next look tries again. */
  refresh(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => this.#events.note(`a look at the models failed: ${String(error)}`));
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** By name. */
  list(): readonly ServedModel[] {
    return [...this.#models.values()].map(({ model }) => model).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whether the folder has been looked at once, and everything good in it answers. */
  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  /** The model that answers where none is named. */
  get defaultName(): string | undefined {
    return leadingName([...this.#models.keys()]);
  }

  /** Errors: `model-not-found`; `overloaded` while the first look goes on. */
  lease(name: string | undefined): ModelLease {
    const wanted = name ?? this.defaultName;
    const found = wanted === undefined ? undefined : this.#models.get(wanted);
    if (found === undefined) {
      if (!this.#hasLooked)
        throw new TexturaError('overloaded', 'the models are being loaded; try again later');
      const expected =
        this.list()
          .map((model) => model.name)
          .join(', ') || 'none is loaded';
      throw new TexturaError(
        'model-not-found',
        `model: expected one of those served (${expected}), got another name`,
      );
    }
    const { model } = found;
    this.#leases.set(model.sessions, (this.#leases.get(model.sessions) ?? 0) + 1);
    let isHeld = true;
    return {
      model,
      letGo: () => {
        if (isHeld) this.#letGo(model);
        isHeld = false;
      },
    };
  }

  #letGo(model: ServedModel): void {
    const left = (this.#leases.get(model.sessions) ?? 1) - 1;
    this.#leases.set(model.sessions, left);
    if (left === 0 && this.#models.get(model.name)?.model !== model) this.#retire(model);
  }

  /** Releases a model that has been replaced, once nobody holds it. */
  #retire(model: ServedModel): void {
    if ((this.#leases.get(model.sessions) ?? 0) > 0) return;
    this.#leases.delete(model.sessions);
    this.#host
      .close(model.sessions)
      .catch((error: unknown) => this.#events.note(`${model.name}: ${String(error)}`));
  }

  /** A model that the host had to close: if its files are good, the next look loads it again. */
  #drop(sessions: ModelSessions): void {
    for (const [name, { model }] of this.#models) {
      if (model.sessions !== sessions) continue;
      this.#models.delete(name);
      this.#tell(name, 'removed', 'removed until its files have been loaded again');
      this.#retire(model);
    }
  }

  async #look(): Promise<void> {
    const sources = await listModelFolder(this.#settings.folder).catch((error: unknown) => {
      this.#refuse('index.json', String(error), error);
    });
    if (sources === undefined) return;
    const names = sources.map(nameOf);
    const leading = leadingName(names);
    const probation = new Probation();
    try {
      for (const source of sources)
        if (!this.#isClosed) await this.#update(source, probation, nameOf(source) === leading);
    } finally {
      probation.close();
    }
    const listed = new Set(names);
    for (const [name, { model }] of this.#models) {
      if (listed.has(name)) continue;
      this.#models.delete(name);
      this.#tell(name, 'removed', 'no longer in the folder');
      this.#retire(model);
    }
  }

  async #update(source: ModelSource | BrokenSource, probation: Probation, isLeading: boolean): Promise<void> {
    if ('fault' in source) return this.#refuse(source.name, source.stamp, source.fault);
    const { name } = source.entry;
    const old = this.#models.get(name);
    if (old?.stamp === source.stamp || this.#refused.get(name) === source.stamp) return;
    try {
      const model = await this.#load(source, probation, isLeading);
      this.#models.set(name, { model, stamp: source.stamp });
      this.#refused.delete(name);
      const change = old === undefined ? 'loaded' : 'replaced';
      this.#tell(name, change, `${change} on ${model.device}`);
      if (old !== undefined) this.#retire(old.model);
    } catch (error) {
      this.#refuse(name, source.stamp, error);
    }
  }

  #refuse(name: string, stamp: string, error: unknown): void {
    if (this.#refused.get(name) === stamp) return;
    this.#refused.set(name, stamp);
    const kept = this.#models.has(name) ? '; the previous version still answers' : '';
    const fault = error instanceof Error ? error.message : String(error);
    this.#tell(name, 'refused', `refused: ${fault}${kept}`);
  }

  #tell(name: string, change: ModelChange, sentence: string): void {
    this.#events.note(`${name}: ${sentence}`);
    this.#events.onChange(name, change);
  }

  async #load(source: ModelSource, probation: Probation, isLeading: boolean): Promise<ServedModel> {
    const { entry, graphs, report } = source;
    const tooLarge = graphs.find(({ file }) => file.bytes > this.#settings.maxModelBytes);
    if (tooLarge !== undefined) {
      const { bytes, path } = tooLarge.file;
      const { maxModelBytes } = this.#settings;
      throw new TexturaError(
        'model-unusable',
        `${basename(path)}: expected ${maxModelBytes} bytes or fewer, got ${bytes}`,
      );
    }
    const proof = await readReport(source);
    const check = selfCheckOf(proof, entry.report);
    await probation.pass(probationOf(source, proof, check));
    const kinds = graphs.map(({ kind }) => kind);
    const contents = { name: entry.name, kinds, read: (kind: GraphKind) => readProven(source, proof, kind) };
    const { device, sessions } = await this.#host.open(contents, check, isLeading);
    const files = [report, ...graphs.map(({ file }) => file)].map(
      (file) => [basename(file.path), file] as const,
    );
    return { ...entry, entry, device, sessions, files: new Map(files) };
  }
}

/** Of the models the one that answers where none is named. */
function leadingName(names: readonly string[]): string | undefined {
  return names.includes(preferredName) ? preferredName : [...names].sort()[0];
}

function nameOf(source: ModelSource | BrokenSource): string {
  return 'fault' in source ? source.name : source.entry.name;
}

/** The bytes that passed. Errors: `file-damaged` where the file was changed meanwhile. */
async function readProven(
  { entry, graphs }: ModelSource,
  report: ModelReport,
  kind: GraphKind,
): Promise<Uint8Array> {
  const file = graphs.find((graph) => graph.kind === kind)?.file;
  if (file === undefined) throw new TexturaError('internal', `${entry.name}: has no ${kind} file`);
  const bytes = await readFile(file.path);
  // Not by createHash, which would hold up the thread that answers.
  const sha256 = Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex');
  if (sha256 === report.graphs.find((graph) => graph.kind === kind)?.sha256) return bytes;
  throw new TexturaError('file-damaged', `${basename(file.path)}: changed while it was read`);
}
