/** Models on the lanes: sessions on a device that has shown to compute what the report says, else on the next one. */
import { TexturaError } from '../../model/error.ts';
import type { GraphKind } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import { ThreadLost } from '../../node/supervised-thread.ts';
import type { ModelSessions } from '../inference/batcher.ts';
import { deviceText } from '../inference/devices.ts';
import type { InferenceDevice, InferenceLane, SessionSettings } from '../inference/inference-lane.ts';
import { compareWithCheck, type SelfCheck } from './self-check.ts';

export interface HostSettings {
  /** In the order in which they are tried. */
  readonly devices: readonly InferenceDevice[];
  /** Whether a device that computes more slowly than the processor is passed over. */
  readonly mustBeatCpu: boolean;
  /** Processor threads of a run while nothing else is computed. */
  readonly aloneThreads: number;
  /** Processor threads of each of several runs side by side. */
  readonly besideThreads: number;
}

/** A model's files; at least one. */
export interface ModelFiles {
  readonly name: string;
  readonly kinds: readonly GraphKind[];
  /** Errors: `file-damaged` where the file is no longer what was tried. */
  read(kind: GraphKind): Promise<Uint8Array>;
}

export interface HostedModel {
  readonly device: InferenceDevice;
  readonly sessions: ModelSessions;
}

interface LoadedSession {
  readonly session: string;
  readonly kind: GraphKind;
  readonly settings: SessionSettings;
  readonly lane: InferenceLane;
  /** Of the lane's threads, the one that has the session. */
  generation: number;
}

interface OpenedModel extends HostedModel {
  readonly files: ModelFiles;
  readonly check: SelfCheck;
  readonly loaded: LoadedSession[];
  /** Time of the check's patches after a first run that does not count, in the fastest session. */
  checkMs: number;
  /** Whether all its sessions are open. */
  isWhole: boolean;
  isClosed: boolean;
  /** Settles when the last thing that was begun with its sessions has ended. */
  turn: Promise<void>;
}

/** Times that a model is loaded where the thread that loads it is lost. */
const maxAttempts = 3;

/** Covers the pauses within a run of one patch, and little of the time in which another thread has the core. */
const fewSpinMicroseconds = 30;

export type Note = (sentence: string) => void;

export class ModelHost {
  readonly #lanes: readonly InferenceLane[];
  readonly #settings: HostSettings;
  readonly #note: Note;
  readonly #models = new Map<ModelSessions, OpenedModel>();
  #nextId = 0;
  #onLost: (sessions: ModelSessions) => void = () => {};

  constructor(lanes: readonly InferenceLane[], settings: HostSettings, note: Note) {
    this.#lanes = lanes;
    this.#settings = settings;
    this.#note = note;
    for (const lane of lanes) lane.restoreBy(() => this.#restore(lane));
  }

  /** Calls `onLost` with sessions that were closed because they could not be restored in a new thread. */
  whenLost(onLost: (sessions: ModelSessions) => void): void {
    this.#onLost = onLost;
  }

  /**
   * Loads a model, checks and warms its sessions: all of them where much is `expected` of it, else the one for a few patches, and the
   * others, which take most of the memory, when the first large batch comes. Errors: those of the last device that was tried.
   */
  async open(files: ModelFiles, check: SelfCheck, expected: boolean): Promise<HostedModel> {
    let fault: unknown;
    for (const device of this.#settings.devices) {
      for (let attempt = 1; attempt <= maxAttempts; attempt++) {
        try {
          const { device: used, sessions } = await this.#openOn(device, files, check, expected);
          return { device: used, sessions };
        } catch (error) {
          if (!(error instanceof TexturaError)) throw error;
          this.#note(`${device} refused for ${files.name}: ${error.message}`);
          fault = error;
          // A lost thread says nothing about the model.
          if (!(error instanceof ThreadLost)) break;
        }
      }
    }
    throw fault;
  }

  /** Releases a model's sessions; nothing of it may be waiting. */
  async close(sessions: ModelSessions): Promise<void> {
    const model = this.#models.get(sessions);
    if (model !== undefined) await this.#discard(model);
  }

  async #openOn(
    device: InferenceDevice,
    files: ModelFiles,
    check: SelfCheck,
    expected: boolean,
  ): Promise<OpenedModel> {
    const model = await this.#fasterOf(await this.#openFew(device, files, check));
    try {
      if (expected) await this.#openRest(model);
      else this.#openRestWhenAsked(model);
      if (model.isClosed) throw new ThreadLost(`${files.name}: its thread was lost while it was opened`);
      return model;
    } catch (error) {
      await this.#discard(model);
      throw error;
    }
  }

  /** What was opened, or the processor's sessions if they are faster and that matters; on failure neither. */
  async #fasterOf(opened: OpenedModel): Promise<OpenedModel> {
    if (opened.device === 'cpu' || !this.#settings.mustBeatCpu) return opened;
    const { files, check } = opened;
    let cpu: OpenedModel | undefined;
    try {
      cpu = await this.#openFew('cpu', files, check);
      await this.#openRest(cpu);
    } catch (error) {
      for (const model of [opened, cpu]) if (model !== undefined) await this.#discard(model);
      throw error;
    }
    const [faster, slower] = cpu.checkMs < opened.checkMs ? [cpu, opened] : [opened, cpu];
    const times = [slower, faster].map(({ device, checkMs }) => `${device} ${checkMs.toFixed(1)} ms`);
    this.#note(`${files.name} computes on ${faster.device}: ${times.join(', ')} for the check's patches`);
    await this.#discard(slower);
    return faster;
  }

  /** With a session for a few patches, which does all the work until there are others. */
  async #openFew(device: InferenceDevice, files: ModelFiles, check: SelfCheck): Promise<OpenedModel> {
    const few = `${files.name} ${this.#nextId++}`;
    const sessions: ModelSessions = { few, many: few, beside: few, lanes: 1 };
    const isWhole = device !== 'cpu';
    const state = { checkMs: Number.POSITIVE_INFINITY, isWhole, isClosed: false, turn: Promise.resolve() };
    const model: OpenedModel = { device, files, check, sessions, loaded: [], ...state };
    this.#models.set(sessions, model);
    const settings = { device, threads: this.#settings.aloneThreads, spinMicroseconds: fewSpinMicroseconds };
    try {
      await this.#inTurn(model, () =>
        this.#load(model, few, kindForFew(files), settings, this.#lanes.slice(0, 1)),
      );
      return model;
    } catch (error) {
      await this.#discard(model);
      throw error;
    }
  }

  /** On a processor the throughput file serves for many patches; a GPU runs the portable one for all. */
  #openRest(model: OpenedModel): Promise<void> {
    const { files, sessions, device } = model;
    const { aloneThreads, besideThreads } = this.#settings;
    const kind = files.kinds.includes('throughput') ? 'throughput' : 'portable';
    return this.#inTurn(model, async () => {
      if (model.isWhole || model.isClosed) return;
      if (kind !== kindForFew(files) && sessions.many === sessions.few) {
        const many = `${sessions.few} many`;
        const settings = { device, threads: aloneThreads, spinMicroseconds: 0 };
        await this.#load(model, many, kind, settings, this.#lanes.slice(0, 1));
        sessions.many = many;
      }
      if (this.#lanes.length > 1) {
        const beside = `${sessions.few} beside`;
        const settings = { device, threads: besideThreads, spinMicroseconds: 0 };
        await this.#load(model, beside, kind, settings, this.#lanes);
        sessions.beside = beside;
        sessions.lanes = this.#lanes.length;
      }
      model.isWhole = true;
    });
  }

  #openRestWhenAsked(model: OpenedModel): void {
    const { sessions, files } = model;
    sessions.onLargeBatch = () => {
      sessions.onLargeBatch = undefined;
      this.#openRest(model).catch((error: unknown) => {
        this.#note(`${files.name}: continues without sessions for large batches: ${String(error)}`);
        if (error instanceof ThreadLost) this.#openRestWhenAsked(model);
      });
    };
  }

  /** Opens a session on each of the lanes. Where one fails, none of them stays. */
  async #load(
    model: OpenedModel,
    session: string,
    kind: GraphKind,
    settings: SessionSettings,
    lanes: readonly InferenceLane[],
  ): Promise<void> {
    const before = model.loaded.length;
    try {
      const content = await model.files.read(kind);
      for (const lane of lanes) {
        const loaded = { session, kind, settings, lane, generation: 0 };
        model.loaded.push(loaded);
        await this.#openSession(model, loaded, content);
      }
    } catch (error) {
      await release(model.loaded.splice(before));
      throw error;
    }
  }

  /** A session answers only after it has shown that it computes what the report says. */
  async #openSession(model: OpenedModel, loaded: LoadedSession, content: Uint8Array): Promise<void> {
    const { device, files, check } = model;
    const { session, settings, lane } = loaded;
    loaded.generation = lane.generation;
    try {
      await lane.load(session, content, settings);
      const run = (patches: Uint8Array<ArrayBuffer>) => lane.run(session, patches);
      const where = `${files.name} on ${deviceText(device)}`;
      compareWithCheck((await run(check.patches.slice())).logits, check, where);
      model.checkMs = Math.min(model.checkMs, (await run(check.patches.slice())).inferMs);
      await run(check.patches.slice(0, patchBytes));
    } catch (cause) {
      if (cause instanceof ThreadLost || loaded.generation === lane.generation) throw cause;
      // The new thread answers that it has no such session.
      throw new ThreadLost(`${files.name}: its thread was lost while it was loaded`, { cause });
    }
  }

  /** Opens again, in a lane's new thread, the sessions that were lost with the one before. Never rejects. */
  async #restore(lane: InferenceLane): Promise<void> {
    for (const model of [...this.#models.values()]) {
      const { files, loaded } = model;
      try {
        await this.#inTurn(model, async () => {
          const lost = loaded.filter((each) => each.lane === lane && each.generation < lane.generation);
          for (const each of lost) await this.#openSession(model, each, await files.read(each.kind));
        });
      } catch (error) {
        if (error instanceof ThreadLost) return;
        const why = error instanceof Error ? error.message : String(error);
        this.#note(`${files.name}: closed, because its sessions were lost with their thread: ${why}`);
        await this.#discard(model);
        this.#onLost(model.sessions);
      }
    }
  }

  /** Nothing of a model stays behind, whatever is being done with its sessions. */
  async #discard(model: OpenedModel): Promise<void> {
    this.#models.delete(model.sessions);
    model.isClosed = true;
    await this.#inTurn(model, () => release(model.loaded.splice(0)));
  }

  /** One at a time, each model's sessions are opened, restored and released. */
  #inTurn(model: OpenedModel, work: () => Promise<void>): Promise<void> {
    const done = model.turn.then(work);
    model.turn = done.catch(() => {});
    return done;
  }
}

function kindForFew({ kinds }: ModelFiles): GraphKind {
  return kinds.includes('portable') ? 'portable' : 'throughput';
}

/** A thread that was lost has taken its sessions along. */
async function release(loaded: readonly LoadedSession[]): Promise<void> {
  for (const { lane, session } of loaded) await lane.release(session).catch(() => {});
}
