/**
 * The served models, with hot reload. The registry polls the folder. It checks and loads a new or changed
 * model while the old one answers, then switches; a model that fails is refused and the old one stays.
 */
import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { noTemperatures, type Temperatures } from '../../model/calibration.ts';
import { compareCodePoints } from '../../model/code-point-order.ts';
import { messageOf, TexturaError } from '../../model/error.ts';
import { type GraphKind, type IndexEntry, indexFile, type ModelReport } from '../../model/model-file.ts';
import { byPreference, preferredModel } from '../../model/network.ts';
import { oneLine } from '../../model/words.ts';
import { deferred } from '../../node/promises.ts';
import type { ModelSessions } from '../inference/batcher.ts';
import type { InferenceDevice } from '../inference/devices.ts';
import { modelCheckOf, requireReportedHash } from './model-check.ts';
import {
  type BrokenSource,
  type FileState,
  listModelFolder,
  type ModelSource,
  readReport,
} from './model-folder.ts';
import type { ModelHost, Note } from './model-host.ts';
import { type ModelFilesCheck, SandboxCheck, sandboxRequestOf } from './sandbox-check.ts';

/** A model that answers. */
export interface ServedModel extends Omit<IndexEntry, 'files' | 'report' | 'temperatures'> {
  readonly temperatures: Temperatures;
  /** As in the folder's index. */
  readonly entry: IndexEntry;
  readonly device: InferenceDevice;
  readonly sessions: ModelSessions;
  /** Files that clients may download, by name. */
  readonly files: ReadonlyMap<string, FileState>;
}

interface RegistrySettings {
  readonly folder: string;
  /** Undefined: only `refresh` looks at the folder again. */
  readonly reloadIntervalMs: number | undefined;
  /** Largest ONNX file that is read. */
  readonly maxModelBytes: number;
}

/** Keeps a model's sessions open for a request, even if a new version replaces it meanwhile. */
interface ModelLease {
  readonly model: ServedModel;
  release(): void;
}

/** Why a model in this state is not served. */
interface Refusal {
  readonly stamp: string;
  /** Logged once. */
  readonly fault: string;
  /**
   * On the clock of `performance.now`: the fault may have been one of the machine, such as too little memory, or
   * a file that another program had not finished.
   */
  readonly nextAttempt: number;
  readonly delayMs: number;
}

const firstRetryMs = 1000;
const longestRetryMs = 300_000;
/** Of a name in a request, which may be of any length. */
const longestShownName = 60;

export type ModelChange = 'loaded' | 'replaced' | 'refused' | 'removed';

interface RegistryEvents {
  readonly onChange: (name: string, change: ModelChange) => void;
  readonly note: Note;
  /** Opens the check of one scan's files; by default a sandbox process of its own. */
  readonly openCheck?: (() => ModelFilesCheck) | undefined;
  /** For the first scan. The registry closes it. */
  readonly firstCheck?: ModelFilesCheck | undefined;
}

export class Registry {
  readonly #settings: RegistrySettings;
  readonly #host: ModelHost;
  readonly #events: RegistryEvents;
  readonly #models = new Map<string, { readonly model: ServedModel; readonly stamp: string }>();
  readonly #leases = new Map<ModelSessions, number>();
  /** Models, and the index, that are refused as they are now. */
  readonly #refused = new Map<string, Refusal>();
  /** Models that the host had to close and that are not loaded again yet. */
  readonly #lost = new Set<string>();
  #firstCheck: ModelFilesCheck | undefined;
  #timer: NodeJS.Timeout | undefined;
  #scan: Promise<void> = Promise.resolve();
  /** Whether `#scan` has not begun yet. */
  #isQueued = false;
  #hasScanned = false;
  readonly #firstScan = deferred<void>();
  /** Settles when the first scan is complete. */
  readonly firstScan = this.#firstScan.promise;
  #isClosed = false;

  constructor(settings: RegistrySettings, host: ModelHost, events: RegistryEvents) {
    this.#settings = settings;
    this.#host = host;
    this.#events = events;
    this.#firstCheck = events.firstCheck;
    host.whenLost((sessions) => this.#drop(sessions));
  }

  /** Loads the models, then polls the folder if there is an interval. */
  async start(): Promise<void> {
    await this.refresh();
    this.#hasScanned = true;
    this.#firstScan.resolve();
    this.#scanLater();
  }

  #scanLater(): void {
    const { reloadIntervalMs } = this.#settings;
    if (reloadIntervalMs === undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => this.refresh().then(() => this.#scanLater()), reloadIntervalMs);
  }

  /**
   * Scans the folder once, after a scan that is running. Never rejects: faults are logged, and the next scan
   * tries again.
   */
  refresh(): Promise<void> {
    if (this.#isQueued) return this.#scan;
    this.#isQueued = true;
    this.#scan = this.#scan
      .then(() => {
        this.#isQueued = false;
        return this.#scanFolder();
      })
      .catch((error: unknown) =>
        this.#events.note(`scanning the models failed: ${messageOf(error)}`, 'warn'),
      );
    return this.#scan;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#scan;
    this.#firstCheck?.close();
  }

  /** By name. */
  list(): readonly ServedModel[] {
    const models = [...this.#models.values()].map(({ model }) => model);
    return models.sort((a, b) => compareCodePoints(a.name, b.name));
  }

  /** Whether the first scan is complete. */
  get hasScanned(): boolean {
    return this.#hasScanned;
  }

  /**
   * The model for requests that name none. It stays the same while it is loaded again, so that no other one
   * answers in its place.
   */
  get defaultName(): string | undefined {
    return preferredModel([...this.#models.keys(), ...this.#lost]);
  }

  /** Whether the first scan is complete and the default model answers. */
  get isReady(): boolean {
    const { defaultName } = this;
    return this.#hasScanned && defaultName !== undefined && this.#models.has(defaultName);
  }

  /** Errors: `model-not-found`; `overloaded` during the first scan, or while the model is loaded again. */
  lease(name: string | undefined): ModelLease {
    const wanted = name ?? this.defaultName;
    const found = wanted === undefined ? undefined : this.#models.get(wanted);
    if (found === undefined) {
      if (!this.#hasScanned)
        throw new TexturaError('overloaded', 'the models are being loaded; try again later');
      if (wanted !== undefined && this.#lost.has(wanted))
        throw new TexturaError('overloaded', `${wanted}: is being loaded again; try again later`);
      const names = this.list().map((model) => model.name);
      const served = names.length === 0 ? 'no model is loaded' : `the service has ${names.join(', ')}`;
      const which = wanted === undefined ? 'model' : `model ${oneLine(wanted.slice(0, longestShownName))}`;
      throw new TexturaError('model-not-found', `${which}: not found; ${served}`);
    }
    const { model } = found;
    this.#leases.set(model.sessions, (this.#leases.get(model.sessions) ?? 0) + 1);
    let isReleased = false;
    return {
      model,
      release: () => {
        if (!isReleased) this.#release(model);
        isReleased = true;
      },
    };
  }

  #release(model: ServedModel): void {
    const left = (this.#leases.get(model.sessions) ?? 1) - 1;
    this.#leases.set(model.sessions, left);
    if (left === 0 && this.#models.get(model.name)?.model !== model) this.#retire(model);
  }

  /** Closes a replaced model's sessions when no request uses them. */
  #retire(model: ServedModel): void {
    if ((this.#leases.get(model.sessions) ?? 0) > 0) return;
    this.#leases.delete(model.sessions);
    this.#host
      .close(model.sessions)
      .catch((error: unknown) => this.#events.note(`${model.name}: ${messageOf(error)}`, 'warn'));
  }

  /** Removes a model that the host had to close; the next scan loads it again. */
  #drop(sessions: ModelSessions): void {
    for (const [name, { model }] of this.#models) {
      if (model.sessions !== sessions) continue;
      this.#models.delete(name);
      this.#lost.add(name);
      this.#report(name, 'removed', 'removed until its files have been loaded again');
      this.#retire(model);
    }
  }

  async #scanFolder(): Promise<void> {
    const check = this.#firstCheck ?? this.#events.openCheck?.() ?? new SandboxCheck();
    this.#firstCheck = undefined;
    try {
      await this.#scanWith(check);
    } finally {
      check.close();
    }
  }

  async #scanWith(check: ModelFilesCheck): Promise<void> {
    const sources = await listModelFolder(this.#settings.folder).catch((error: unknown) => {
      const isMissing = error instanceof TexturaError && error.code === 'file-unreadable';
      // A folder that has had no models yet is explained by `missingModels`.
      if (!isMissing || this.#models.size > 0) this.#refuse(indexFile, messageOf(error), error);
    });
    if (sources === undefined) return;
    this.#refused.delete(indexFile);
    const names = sources.map(nameOf);
    const preferred = preferredModel(names);
    // In the order of preference, so that the default is one and the same model from the first answer on.
    for (const source of sources.toSorted((a, b) => byPreference(nameOf(a), nameOf(b)))) {
      if (this.#isClosed) break;
      await this.#update(source, check, nameOf(source) === preferred);
      this.#lost.delete(nameOf(source));
    }
    const listed = new Set(names);
    for (const name of this.#lost) if (!listed.has(name)) this.#lost.delete(name);
    for (const name of this.#refused.keys()) if (!listed.has(name)) this.#refused.delete(name);
    for (const [name, { model }] of this.#models) {
      if (listed.has(name)) continue;
      this.#models.delete(name);
      this.#report(name, 'removed', `no longer listed in ${indexFile}`);
      this.#retire(model);
    }
  }

  async #update(
    source: ModelSource | BrokenSource,
    filesCheck: ModelFilesCheck,
    isDefault: boolean,
  ): Promise<void> {
    if ('fault' in source) return this.#refuse(source.name, source.stamp, source.fault);
    const { name } = source.entry;
    const old = this.#models.get(name);
    if (old?.stamp === source.stamp) return void this.#refused.delete(name);
    const refused = this.#refused.get(name);
    if (refused?.stamp === source.stamp && performance.now() < refused.nextAttempt) return;
    try {
      const model = await this.#load(source, filesCheck, isDefault);
      this.#models.set(name, { model, stamp: source.stamp });
      this.#refused.delete(name);
      const change = old === undefined ? 'loaded' : 'replaced';
      this.#report(name, change, `${change} on ${model.device}`);
      if (old !== undefined) this.#retire(old.model);
    } catch (error) {
      this.#refuse(name, source.stamp, error);
    }
  }

  #refuse(name: string, stamp: string, error: unknown): void {
    // Faults of the index begin with its name, too.
    const message = messageOf(error);
    const fault = message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
    const before = this.#refused.get(name);
    const isSame = before?.stamp === stamp;
    const delayMs = isSame ? Math.min(2 * before.delayMs, longestRetryMs) : firstRetryMs;
    this.#refused.set(name, { stamp, fault, delayMs, nextAttempt: performance.now() + delayMs });
    if (isSame && before.fault === fault) return;
    const others = name === indexFile && this.#models.size > 0 ? '; the loaded models still answer' : '';
    const kept = this.#models.has(name) ? '; the previous version still answers' : others;
    this.#report(name, 'refused', `refused: ${fault}${kept}`);
  }

  #report(name: string, change: ModelChange, sentence: string): void {
    this.#events.note(`${name}: ${sentence}`, change === 'refused' ? 'warn' : 'info');
    this.#events.onChange(name, change);
  }

  async #load(source: ModelSource, filesCheck: ModelFilesCheck, isDefault: boolean): Promise<ServedModel> {
    const { entry, graphs, report } = source;
    const tooLarge = graphs.find(({ file }) => file.bytes > this.#settings.maxModelBytes);
    if (tooLarge !== undefined) {
      const { bytes, path } = tooLarge.file;
      const { maxModelBytes } = this.#settings;
      throw new TexturaError(
        'model-unusable',
        `${basename(path)}: ${bytes} bytes are more than --max-model-bytes (${maxModelBytes})`,
      );
    }
    const modelReport = await readReport(source);
    const check = modelCheckOf(modelReport, entry.report);
    await filesCheck.run(sandboxRequestOf(source, modelReport, check));
    const listed = graphs.map(({ kind }) => kind);
    // Batches of every size must have known scores, which only the portable graph computes.
    const needsPortable = entry.threshold !== undefined && listed.includes('portable');
    const kinds: readonly GraphKind[] = needsPortable ? ['portable'] : listed;
    const read = (kind: GraphKind) => readVerified(source, modelReport, kind);
    const { device, sessions } = await this.#host.open({ name: entry.name, kinds, read }, check, isDefault);
    const files = [report, ...graphs.map(({ file }) => file)].map(
      (file) => [basename(file.path), file] as const,
    );
    const temperatures = entry.temperatures ?? noTemperatures;
    return { ...entry, entry, temperatures, device, sessions, files: new Map(files) };
  }
}

function nameOf(source: ModelSource | BrokenSource): string {
  return 'fault' in source ? source.name : source.entry.name;
}

/**
 * The bytes of a file that passed the sandbox check. Errors: `file-damaged` if they are not those that passed.
 * With several processes, this check may have been one of an earlier state of the file.
 */
async function readVerified(
  { entry, graphs }: ModelSource,
  report: ModelReport,
  kind: GraphKind,
): Promise<Uint8Array> {
  const file = graphs.find((graph) => graph.kind === kind)?.file;
  if (file === undefined) throw new TexturaError('internal', `${entry.name}: has no ${kind} file`);
  const bytes = await readFile(file.path);
  // Not createHash, which would block the event loop.
  const sha256 = Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex');
  const reported = report.graphs.find((graph) => graph.kind === kind)?.sha256;
  requireReportedHash(sha256, reported, basename(file.path));
  return bytes;
}
