/**
 * Opens models' sessions on the inference workers, on the first device that passes the model's self-check.
 */
import { messageOf, TexturaError } from '../../model/error.ts';
import type { GraphKind } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import { type ModelCheck, type SelfCheck, selfCheckPatches } from '../../model/self-check.ts';
import { ThreadLost } from '../../node/supervised-thread.ts';
import type { GpuBatch, ModelSessions } from '../inference/batcher.ts';
import { deviceText, type InferenceDevice } from '../inference/devices.ts';
import type { InferenceWorker } from '../inference/inference-worker.ts';
import type { SessionSettings } from '../inference/session.ts';
import { compareWithCheck } from './model-check.ts';

interface HostSettings {
  /** In the order in which to try them. */
  readonly devices: readonly InferenceDevice[];
  /** Whether to use the CPU if it is faster than a GPU. */
  readonly mustBeatCpu: boolean;
  /** CPU threads of a run while nothing else runs. */
  readonly soloThreads: number;
  /** CPU threads of each of several parallel runs. */
  readonly parallelThreads: number;
  /** Maximum patches in a batch on a GPU. */
  readonly gpuBatchPatches: number;
}

/** A model's files; at least one. */
export interface ModelFiles {
  readonly name: string;
  readonly kinds: readonly GraphKind[];
  /** Errors: `file-damaged` if the file has changed since its check. */
  read(kind: GraphKind): Promise<Uint8Array>;
}

interface HostedModel {
  readonly device: InferenceDevice;
  readonly sessions: ModelSessions;
}

interface NewSession {
  readonly session: string;
  readonly kind: GraphKind;
  readonly settings: SessionSettings;
  /** The size of all its batches, if it has only one. */
  readonly batchPatches?: number;
}

interface LoadedSession extends NewSession {
  readonly worker: InferenceWorker;
  /** The `generation` of the worker's thread that has the session. */
  generation: number;
}

interface OpenedModel extends HostedModel {
  readonly files: ModelFiles;
  readonly check: ModelCheck;
  readonly loaded: LoadedSession[];
  /** Time of the self-check's patches in the fastest session, after a warm-up. */
  checkMs: number;
  /** Whether all its sessions are open. */
  isComplete: boolean;
  isClosed: boolean;
  /** Settles when the last operation on its sessions has ended. */
  turn: Promise<void>;
}

/** Sizes of batches on a GPU, besides the maximum. All patches of an image fit into the first. */
const firstGpuBatch = 16;
const otherGpuBatches = [1, 64] as const;

/** Attempts to load a model if the thread that loads it is lost. */
const maxAttempts = 3;

/** Logs a sentence; `warn` if something failed. */
export type Note = (sentence: string, level?: 'info' | 'warn') => void;

export class ModelHost {
  readonly #workers: readonly InferenceWorker[];
  readonly #settings: HostSettings;
  readonly #note: Note;
  readonly #models = new Map<ModelSessions, OpenedModel>();
  #nextId = 0;
  #onLost: (sessions: ModelSessions) => void = () => {};

  constructor(workers: readonly InferenceWorker[], settings: HostSettings, note: Note) {
    this.#workers = workers;
    this.#settings = settings;
    this.#note = note;
    for (const worker of workers) worker.restoreBy(() => this.#restore(worker));
  }

  /**
   * Calls `onLost` with the sessions of a model that could not be restored in a new thread and was closed.
   */
  whenLost(onLost: (sessions: ModelSessions) => void): void {
    this.#onLost = onLost;
  }

  /**
   * Loads a model, checks its sessions and warms them up. The session for small batches opens at once. The
   * others, which take most of the memory, open at once if `eager`, otherwise with the first large batch.
   * Errors: those of all devices in one. If a device opens it, those of the others are logged.
   */
  async open(files: ModelFiles, check: ModelCheck, eager: boolean): Promise<HostedModel> {
    const faults: { readonly device: InferenceDevice; readonly fault: TexturaError }[] = [];
    for (const device of this.#settings.devices) {
      for (let attempt = 1; attempt <= maxAttempts; attempt++) {
        try {
          const model = await this.#openOn(device, files, check, eager);
          for (const refused of faults)
            this.#note(`${refused.device} refused for ${files.name}: ${refused.fault.message}`, 'warn');
          return model;
        } catch (error) {
          if (!(error instanceof TexturaError)) throw error;
          faults.push({ device, fault: error });
          // A lost thread is no fault of the device.
          if (!(error instanceof ThreadLost)) break;
        }
      }
    }
    const last = faults.at(-1)?.fault;
    const reasons = new Set(faults.map(({ fault }) => fault.message));
    throw new TexturaError(last?.code ?? 'internal', [...reasons].join('; '), { cause: last });
  }

  /** Releases a model's sessions; no request may use them any more. */
  async close(sessions: ModelSessions): Promise<void> {
    const model = this.#models.get(sessions);
    if (model !== undefined) await this.#discard(model);
  }

  async #openOn(
    device: InferenceDevice,
    files: ModelFiles,
    check: ModelCheck,
    eager: boolean,
  ): Promise<OpenedModel> {
    const model = await this.#fasterOf(await this.#openSmallBatch(device, files, check));
    try {
      if (eager) await this.#openRest(model);
      else this.#openRestOnDemand(model);
      if (model.isClosed) throw new ThreadLost(`${files.name}: its thread was lost while it was opened`);
      return model;
    } catch (error) {
      await this.#discard(model);
      throw error;
    }
  }

  /** The faster of the opened model and the same model on the CPU, if that matters. A failure closes both. */
  async #fasterOf(opened: OpenedModel): Promise<OpenedModel> {
    if (opened.device === 'cpu' || !this.#settings.mustBeatCpu) return opened;
    const { files, check } = opened;
    let cpu: OpenedModel | undefined;
    try {
      cpu = await this.#openSmallBatch('cpu', files, check);
      await this.#openRest(cpu);
    } catch (error) {
      for (const model of [opened, cpu]) if (model !== undefined) await this.#discard(model);
      throw error;
    }
    const [faster, slower] = cpu.checkMs < opened.checkMs ? [cpu, opened] : [opened, cpu];
    const times = [slower, faster].map(({ device, checkMs }) => `${device} ${checkMs.toFixed(1)} ms`);
    this.#note(`${files.name} runs on ${faster.device}: ${times.join(', ')} for the self-check's patches`);
    await this.#discard(slower);
    return faster;
  }

  /** Opens the session for small batches, which runs every batch until the others are open. */
  async #openSmallBatch(device: InferenceDevice, files: ModelFiles, check: ModelCheck): Promise<OpenedModel> {
    const smallBatch = `${files.name} ${this.#nextId++}`;
    const names = { smallBatch, largeBatch: smallBatch, parallel: smallBatch, workers: 1 };
    const batchPatches = Math.min(firstGpuBatch, this.#settings.gpuBatchPatches);
    const isOnGpu = device !== 'cpu';
    const sessions: ModelSessions = isOnGpu
      ? { ...names, gpuBatches: [{ patches: batchPatches, session: smallBatch }] }
      : names;
    const state = { checkMs: Number.POSITIVE_INFINITY, isComplete: false, isClosed: false };
    const turn = Promise.resolve();
    const model: OpenedModel = { device, files, check, sessions, loaded: [], ...state, turn };
    this.#models.set(sessions, model);
    const session: NewSession = {
      session: smallBatch,
      kind: smallBatchKind(files),
      settings: { device, threads: this.#settings.soloThreads },
      ...(isOnGpu && { batchPatches }),
    };
    try {
      await this.#inTurn(model, () => this.#load(model, session, this.#workers.slice(0, 1)));
      return model;
    } catch (error) {
      await this.#discard(model);
      throw error;
    }
  }

  #openRest(model: OpenedModel): Promise<void> {
    return this.#inTurn(model, async () => {
      if (model.isComplete || model.isClosed) return;
      await (model.sessions.gpuBatches === undefined
        ? this.#openCpuSessions(model)
        : this.#openGpuSessions(model, model.sessions.gpuBatches));
      model.isComplete = true;
    });
  }

  /** The sessions for large and parallel batches, with the throughput file. */
  async #openCpuSessions(model: OpenedModel): Promise<void> {
    const { files, sessions, device } = model;
    const { soloThreads, parallelThreads } = this.#settings;
    const kind = files.kinds.includes('throughput') ? 'throughput' : 'portable';
    if (kind !== smallBatchKind(files) && sessions.largeBatch === sessions.smallBatch) {
      const largeBatch = `${sessions.smallBatch} large batch`;
      const settings = { device, threads: soloThreads };
      await this.#load(model, { session: largeBatch, kind, settings }, this.#workers.slice(0, 1));
      sessions.largeBatch = largeBatch;
    }
    if (this.#workers.length > 1) {
      const parallel = `${sessions.smallBatch} parallel`;
      const settings = { device, threads: parallelThreads };
      await this.#load(model, { session: parallel, kind, settings }, this.#workers);
      sessions.parallel = parallel;
      sessions.workers = this.#workers.length;
    }
  }

  /**
   * The sessions for batches of other sizes. On a GPU the portable file is the faster one for every batch, and
   * one worker keeps the GPU busy.
   */
  async #openGpuSessions(model: OpenedModel, opened: readonly GpuBatch[]): Promise<void> {
    const { files, sessions, device } = model;
    const largest = this.#settings.gpuBatchPatches;
    const settings = { device, threads: this.#settings.soloThreads };
    const open = new Set(opened.map(({ patches }) => patches));
    for (const batchPatches of [...otherGpuBatches, largest]) {
      if (open.has(batchPatches) || batchPatches > largest) continue;
      open.add(batchPatches);
      const session = `${sessions.smallBatch} batch of ${batchPatches}`;
      const added = { session, kind: smallBatchKind(files), settings, batchPatches };
      await this.#load(model, added, this.#workers.slice(0, 1));
      const batches = [...(sessions.gpuBatches ?? []), { patches: batchPatches, session }];
      sessions.gpuBatches = batches.toSorted((a, b) => a.patches - b.patches);
    }
  }

  #openRestOnDemand(model: OpenedModel): void {
    const { sessions, files } = model;
    sessions.onLargeBatch = () => {
      sessions.onLargeBatch = undefined;
      this.#openRest(model).catch((error: unknown) => {
        this.#note(
          `${files.name}: continues without sessions for large batches: ${messageOf(error)}`,
          'warn',
        );
        if (error instanceof ThreadLost) this.#openRestOnDemand(model);
      });
    };
  }

  /** Opens a session on each of the workers, or on none if one fails. */
  async #load(model: OpenedModel, session: NewSession, workers: readonly InferenceWorker[]): Promise<void> {
    const before = model.loaded.length;
    try {
      const content = await model.files.read(session.kind);
      for (const worker of workers) {
        const loaded = { ...session, worker, generation: 0 };
        model.loaded.push(loaded);
        await this.#openSession(model, loaded, content);
      }
    } catch (error) {
      await release(model.loaded.splice(before));
      throw error;
    }
  }

  /** Loads a session, runs its self-check, and warms it up. */
  async #openSession(model: OpenedModel, loaded: LoadedSession, content: Uint8Array): Promise<void> {
    const { device, files, check } = model;
    const { selfCheck } = check;
    const { session, settings, worker, batchPatches = selfCheck.length } = loaded;
    loaded.generation = worker.generation;
    try {
      await worker.load(session, content, settings);
      const checked = await runInBatches(loaded, selfCheck, batchPatches);
      compareWithCheck(checked.logits, check, `${files.name} on ${deviceText(device)}`);
      const again = await runInBatches(loaded, selfCheck, batchPatches);
      model.checkMs = Math.min(model.checkMs, again.inferMs);
      if (loaded.batchPatches === undefined) await runInBatches(loaded, selfCheck.slice(0, 1), 1);
    } catch (cause) {
      if (cause instanceof ThreadLost || loaded.generation === worker.generation) throw cause;
      // The new thread reported only that it has no such session.
      throw new ThreadLost(`${files.name}: its thread was lost while it was loaded`, { cause });
    }
  }

  /** Opens, in a worker's new thread, the sessions that the old thread had. Never rejects. */
  async #restore(worker: InferenceWorker): Promise<void> {
    for (const model of [...this.#models.values()]) {
      const { files, loaded } = model;
      try {
        await this.#inTurn(model, async () => {
          const lost = loaded.filter((each) => each.worker === worker && each.generation < worker.generation);
          for (const each of lost) await this.#openSession(model, each, await files.read(each.kind));
        });
      } catch (error) {
        if (error instanceof ThreadLost) return;
        const why = messageOf(error);
        this.#note(`${files.name}: closed, because its sessions were lost with their thread: ${why}`, 'warn');
        await this.#discard(model);
        this.#onLost(model.sessions);
      }
    }
  }

  /** Releases a model's sessions after the current operation on them. */
  async #discard(model: OpenedModel): Promise<void> {
    this.#models.delete(model.sessions);
    model.isClosed = true;
    await this.#inTurn(model, () => release(model.loaded.splice(0)));
  }

  /** Serialises the operations on a model's sessions. */
  #inTurn(model: OpenedModel, work: () => Promise<void>): Promise<void> {
    const done = model.turn.then(work);
    model.turn = done.catch(() => {});
    return done;
  }
}

/** Logits of the self-check's patches in batches of `size`, padded with zeros, and the time of all. */
async function runInBatches(
  { worker, session }: LoadedSession,
  selfCheck: SelfCheck,
  size: number,
): Promise<{ readonly logits: Float32Array; readonly inferMs: number }> {
  const rows: number[] = [];
  let inferMs = 0;
  for (let start = 0; start < selfCheck.length; start += size) {
    const own = selfCheck.slice(start, start + size);
    const patches = new Uint8Array(size * patchBytes);
    patches.set(selfCheckPatches(own));
    const result = await worker.run(session, patches);
    rows.push(...result.logits.subarray(0, (own.length * result.logits.length) / size));
    inferMs += result.inferMs;
  }
  return { logits: Float32Array.from(rows), inferMs };
}

function smallBatchKind({ kinds }: ModelFiles): GraphKind {
  return kinds.includes('portable') ? 'portable' : 'throughput';
}

/** Ignores errors: a lost thread has no sessions. */
async function release(loaded: readonly LoadedSession[]): Promise<void> {
  for (const { worker, session } of loaded) await worker.release(session).catch(() => {});
}
