/** Models on the lanes: sessions on a device that has shown to compute what the report says, else on the next one. */
import { TexturaError } from '../../model/error.ts';
import type { ModelSessions } from '../inference/batcher.ts';
import type { InferenceDevice, InferenceLane } from '../inference/inference-lane.ts';
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

/** Bytes of a model's files. */
export interface ModelBytes {
  readonly name: string;
  readonly portable?: Uint8Array;
  readonly throughput?: Uint8Array;
}

export interface HostedModel {
  readonly device: InferenceDevice;
  readonly sessions: ModelSessions;
}

interface OpenedSessions extends HostedModel {
  readonly loaded: readonly { readonly lane: InferenceLane; readonly session: string }[];
  /** Time of the check's patches after a first run that does not count. */
  readonly checkMs: number;
}

/** Covers the pauses within a run of one patch, and little of the time in which another thread has the core. */
const fewSpinMicroseconds = 30;

export type Note = (sentence: string) => void;

export class ModelHost {
  readonly #lanes: readonly InferenceLane[];
  readonly #settings: HostSettings;
  readonly #note: Note;
  readonly #opened = new Map<ModelSessions, OpenedSessions>();
  #nextId = 0;

  constructor(lanes: readonly InferenceLane[], settings: HostSettings, note: Note) {
    this.#lanes = lanes;
    this.#settings = settings;
    this.#note = note;
  }

  /** Loads a model, checks and warms every session. Errors: those of the last device that was tried. */
  async open(bytes: ModelBytes, check: SelfCheck): Promise<HostedModel> {
    let fault: unknown;
    for (const device of this.#settings.devices) {
      try {
        const opened = await this.#openOn(device, bytes, check);
        const chosen = await this.#fasterOf(opened, bytes, check);
        this.#opened.set(chosen.sessions, chosen);
        return { device: chosen.device, sessions: chosen.sessions };
      } catch (error) {
        if (!(error instanceof TexturaError)) throw error;
        this.#note(`${device} refused for ${bytes.name}: ${error.message}`);
        fault = error;
      }
    }
    throw fault;
  }

  /** Releases a model's sessions; nothing of it may be waiting. */
  async close(sessions: ModelSessions): Promise<void> {
    const opened = this.#opened.get(sessions);
    this.#opened.delete(sessions);
    if (opened !== undefined) await release(opened.loaded);
  }

  /** What was opened, or the processor's sessions where those are faster and that matters. */
  async #fasterOf(opened: OpenedSessions, bytes: ModelBytes, check: SelfCheck): Promise<OpenedSessions> {
    if (opened.device === 'cpu' || !this.#settings.mustBeatCpu) return opened;
    const cpu = await this.#openOn('cpu', bytes, check);
    const [faster, slower] = cpu.checkMs < opened.checkMs ? [cpu, opened] : [opened, cpu];
    const times = [slower, faster].map(({ device, checkMs }) => `${device} ${checkMs.toFixed(1)} ms`);
    this.#note(`${bytes.name} computes on ${faster.device}: ${times.join(', ')} for the check's patches`);
    await release(slower.loaded);
    return faster;
  }

  async #openOn(device: InferenceDevice, bytes: ModelBytes, check: SelfCheck): Promise<OpenedSessions> {
    const id = `${bytes.name} ${this.#nextId++}`;
    const plans = sessionPlans(bytes, device, this.#lanes, this.#settings);
    const loaded: { lane: InferenceLane; session: string }[] = [];
    let checkMs = Number.POSITIVE_INFINITY;
    try {
      for (const { lane, use, content, threads } of plans) {
        const session = `${id} ${use}`;
        const spinMicroseconds = use === 'few' ? fewSpinMicroseconds : 0;
        await lane.load(session, content, { device, threads, spinMicroseconds });
        loaded.push({ lane, session });
        const where = `${bytes.name} on ${device}`;
        compareWithCheck((await lane.run(session, check.patches.slice())).logits, check, where);
        checkMs = Math.min(checkMs, (await lane.run(session, check.patches.slice())).inferMs);
        if (use === 'few') await lane.run(session, check.patches.slice(0, 64 * 64));
      }
    } catch (error) {
      await release(loaded);
      throw error;
    }
    const first = (...uses: readonly SessionUse[]) =>
      `${id} ${uses.find((use) => plans.some((plan) => plan.use === use))}`;
    const many = first('many', 'few');
    const beside = first('beside', 'many', 'few');
    const lanes = device === 'cpu' ? this.#lanes.length : 1;
    return { device, sessions: { few: first('few'), many, beside, lanes }, loaded, checkMs };
  }
}

type SessionUse = Exclude<keyof ModelSessions, 'lanes'>;

interface SessionPlan {
  readonly lane: InferenceLane;
  readonly use: SessionUse;
  readonly content: Uint8Array;
  readonly threads: number;
}

/** On a processor the throughput file serves for many patches; a GPU runs the portable one for all. None is a copy of another. */
function sessionPlans(
  { portable, throughput }: ModelBytes,
  device: InferenceDevice,
  lanes: readonly InferenceLane[],
  { aloneThreads, besideThreads }: HostSettings,
): readonly SessionPlan[] {
  const forFew = portable ?? throughput ?? new Uint8Array();
  const forMany = throughput ?? forFew;
  const onFirst = (use: SessionUse, content: Uint8Array): readonly SessionPlan[] =>
    lanes.slice(0, 1).map((lane) => ({ lane, use, content, threads: aloneThreads }));
  const few = onFirst('few', forFew);
  if (device !== 'cpu') return few;
  const many = forMany === forFew ? [] : onFirst('many', forMany);
  const beside = lanes.map(
    (lane): SessionPlan => ({ lane, use: 'beside', content: forMany, threads: besideThreads }),
  );
  return lanes.length === 1 ? [...few, ...many] : [...few, ...many, ...beside];
}

async function release(loaded: OpenedSessions['loaded']): Promise<void> {
  for (const { lane, session } of loaded) await lane.release(session);
}
