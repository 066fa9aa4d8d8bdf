/** Models on the lanes: sessions on a device that has shown to compute what the report says, else on the next one. */
import { TexturaError } from '../../model/error.ts';
import type { GraphKind } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
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
  readonly lane: InferenceLane;
  readonly session: string;
}

interface OpenedModel extends HostedModel {
  readonly files: ModelFiles;
  readonly check: SelfCheck;
  readonly loaded: LoadedSession[];
  /** Time of the check's patches after a first run that does not count, in the fastest session. */
  checkMs: number;
  /** Whether all its sessions have been opened or are being opened. */
  isWhole: boolean;
  /** Settles when what is being opened while it answers is open. */
  opening?: Promise<void>;
}

/** Covers the pauses within a run of one patch, and little of the time in which another thread has the core. */
const fewSpinMicroseconds = 30;

export type Note = (sentence: string) => void;

export class ModelHost {
  readonly #lanes: readonly InferenceLane[];
  readonly #settings: HostSettings;
  readonly #note: Note;
  readonly #models = new Map<ModelSessions, OpenedModel>();
  #nextId = 0;

  constructor(lanes: readonly InferenceLane[], settings: HostSettings, note: Note) {
    this.#lanes = lanes;
    this.#settings = settings;
    this.#note = note;
  }

  /**
   * Loads a model, checks and warms its sessions: all of them where much is `expected` of it, else the one for a few patches, and the
   * others, which take most of the memory, when the first large batch comes. Errors: those of the last device that was tried.
   */
  async open(files: ModelFiles, check: SelfCheck, expected: boolean): Promise<HostedModel> {
    let fault: unknown;
    for (const device of this.#settings.devices) {
      let model: OpenedModel | undefined;
      try {
        model = await this.#fasterOf(await this.#openFew(device, files, check));
        if (expected) await this.#openRest(model);
        else this.#openRestWhenAsked(model);
        this.#models.set(model.sessions, model);
        return { device: model.device, sessions: model.sessions };
      } catch (error) {
        await release(model?.loaded);
        if (!(error instanceof TexturaError)) throw error;
        this.#note(`${device} refused for ${files.name}: ${error.message}`);
        fault = error;
      }
    }
    throw fault;
  }

  /** Releases a model's sessions; nothing of it may be waiting. */
  async close(sessions: ModelSessions): Promise<void> {
    const model = this.#models.get(sessions);
    this.#models.delete(sessions);
    await model?.opening;
    await release(model?.loaded);
  }

  /** What was opened, or the processor's sessions where those are faster and that matters. */
  async #fasterOf(opened: OpenedModel): Promise<OpenedModel> {
    if (opened.device === 'cpu' || !this.#settings.mustBeatCpu) return opened;
    const { files, check } = opened;
    const cpu = await this.#openFew('cpu', files, check);
    await this.#openRest(cpu);
    const [faster, slower] = cpu.checkMs < opened.checkMs ? [cpu, opened] : [opened, cpu];
    const times = [slower, faster].map(({ device, checkMs }) => `${device} ${checkMs.toFixed(1)} ms`);
    this.#note(`${files.name} computes on ${faster.device}: ${times.join(', ')} for the check's patches`);
    await release(slower.loaded);
    return faster;
  }

  /** With a session for a few patches, which does all the work until there are others. */
  async #openFew(device: InferenceDevice, files: ModelFiles, check: SelfCheck): Promise<OpenedModel> {
    const few = `${files.name} ${this.#nextId++}`;
    const sessions: ModelSessions = { few, many: few, beside: few, lanes: 1 };
    const unknown = { checkMs: Number.POSITIVE_INFINITY, isWhole: device !== 'cpu' };
    const model: OpenedModel = { device, files, check, sessions, loaded: [], ...unknown };
    const settings = { threads: this.#settings.aloneThreads, spinMicroseconds: fewSpinMicroseconds };
    await this.#load(model, few, this.#lanes.slice(0, 1), kindForFew(files), settings);
    return model;
  }

  /** On a processor the throughput file serves for many patches; a GPU runs the portable one for all. */
  async #openRest(model: OpenedModel): Promise<void> {
    const { files, sessions } = model;
    if (model.isWhole) return;
    model.isWhole = true;
    const { aloneThreads, besideThreads } = this.#settings;
    const kind = files.kinds.includes('throughput') ? 'throughput' : 'portable';
    if (kind !== kindForFew(files)) {
      const many = `${sessions.few} many`;
      await this.#load(model, many, this.#lanes.slice(0, 1), kind, { threads: aloneThreads });
      sessions.many = many;
    }
    if (this.#lanes.length > 1) {
      const beside = `${sessions.few} beside`;
      await this.#load(model, beside, this.#lanes, kind, { threads: besideThreads });
      sessions.beside = beside;
      sessions.lanes = this.#lanes.length;
    }
  }

  #openRestWhenAsked(model: OpenedModel): void {
    const { sessions, files } = model;
    sessions.onLargeBatch = () => {
      sessions.onLargeBatch = undefined;
      model.opening = this.#openRest(model).catch((error: unknown) => {
        this.#note(`${files.name}: goes on without sessions for large batches: ${String(error)}`);
      });
    };
  }

  /** Opens a session on each of the lanes, where it shows that it computes what the report says. Where one fails, none of them stays. */
  async #load(
    model: OpenedModel,
    session: string,
    lanes: readonly InferenceLane[],
    kind: GraphKind,
    { threads, spinMicroseconds = 0 }: Partial<SessionSettings> & Pick<SessionSettings, 'threads'>,
  ): Promise<void> {
    const { device, files, check } = model;
    const content = await files.read(kind);
    const loaded: LoadedSession[] = [];
    try {
      for (const lane of lanes) {
        await lane.load(session, content, { device, threads, spinMicroseconds });
        loaded.push({ lane, session });
        const run = (patches: Uint8Array<ArrayBuffer>) => lane.run(session, patches);
        const where = `${files.name} on ${deviceText(device)}`;
        compareWithCheck((await run(check.patches.slice())).logits, check, where);
        model.checkMs = Math.min(model.checkMs, (await run(check.patches.slice())).inferMs);
        await run(check.patches.slice(0, patchBytes));
      }
    } catch (error) {
      await release(loaded);
      throw error;
    }
    model.loaded.push(...loaded);
  }
}

function kindForFew({ kinds }: ModelFiles): GraphKind {
  return kinds.includes('portable') ? 'portable' : 'throughput';
}

async function release(loaded: readonly LoadedSession[] = []): Promise<void> {
  for (const { lane, session } of loaded) await lane.release(session);
}
