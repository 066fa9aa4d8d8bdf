/**
 * Which model answers on which provider. wasm is there at once; WebGPU is tried alongside and takes over only where it passes the
 * model's self-check and is faster. wasm stays open then, because a graphics device may be lost at any time: wasm takes over at once.
 * A provider that fails is refused, which its verdict says, and what it would have said is never shown.
 */

import { type Fault, fault, faultOf, InferenceError } from '../../shared/faults.ts';
import type { LoadedModel, Provider, Work, WorkKind } from '../../shared/inference-messages.ts';
import { runQueue, superseded } from '../../shared/run-queue.ts';
import { type Signal, signal } from '../dom/signal.ts';
import { InferenceClient } from './client.ts';
import type { ListedModel } from './model-list.ts';

export type ProviderWish = 'auto' | Provider;

export type Verdict =
  | { readonly status: 'untried' | 'trying' }
  /** `runMs` is undefined until a model has been loaded. */
  | { readonly status: 'passed'; readonly threads: number; readonly runMs: number | undefined }
  | { readonly status: 'refused'; readonly fault: Fault };

export interface ProviderState {
  readonly wish: ProviderWish;
  readonly active: Provider | undefined;
  readonly verdicts: Readonly<Record<Provider, Verdict>>;
}

export type ModelState =
  | { readonly status: 'loading'; readonly name: string }
  | { readonly status: 'ready'; readonly model: LoadedModel }
  | { readonly status: 'failed'; readonly name: string; readonly fault: Fault };

interface Station {
  readonly provider: Provider;
  readonly client: InferenceClient;
  readonly threads: number;
  readonly loaded: Map<string, LoadedModel>;
}

const untried: ProviderState['verdicts'] = { wasm: { status: 'untried' }, webgpu: { status: 'untried' } };

/** A wasm worker that is lost is replaced this many times: a picture that it cannot bear would take one after the other. */
const mostReplacements = 2;

/** The sessions of the page: one provider at a time answers, each in a worker of its own. */
export class Inference {
  readonly provider: Signal<ProviderState>;
  readonly model: Signal<ModelState>;
  #chosen: ListedModel;
  #active: Station | undefined;
  #replacements = 0;
  readonly #stations = new Map<Provider, Station>();
  readonly #openings = new Map<Provider, Promise<Station | undefined>>();
  /** Changes follow one another: a choice made meanwhile waits for the one before it. */
  readonly #changes = runQueue();

  /** Begins to load the model. What comes of it is told by the signals. */
  constructor(first: ListedModel, wish: ProviderWish) {
    this.#chosen = first;
    this.provider = signal<ProviderState>({ wish, active: undefined, verdicts: untried });
    this.model = signal<ModelState>({ status: 'loading', name: first.name });
    void this.prefer(wish);
  }

  /** Loads a model on the provider at hand. */
  choose(listed: ListedModel): Promise<void> {
    return this.#change(async () => {
      this.#chosen = listed;
      this.model.set({ status: 'loading', name: listed.name });
      await this.#settle();
    });
  }

  prefer(wish: ProviderWish): Promise<void> {
    return this.#change(async () => {
      const { active, verdicts } = this.provider.get();
      // Whoever asks for it again wants another try.
      const webgpu = verdicts.webgpu.status === 'refused' ? untried.webgpu : verdicts.webgpu;
      this.provider.set({ wish, active, verdicts: { ...verdicts, webgpu } });
      await this.#settle();
      if (wish === 'auto') void this.#tryFaster();
    });
  }

  /** Loads further models beside the chosen one, those that aren't yet. Gives the names of those that could be loaded. */
  async loadBeside(listed: readonly ListedModel[]): Promise<readonly string[]> {
    const names: string[] = [];
    for (const one of listed) {
      if (this.#active === undefined) break;
      await loadOn(this.#active, one).then(
        () => names.push(one.name),
        (error: unknown) => reportError(error),
      );
    }
    return names;
  }

  /**
   * Asks the active provider. `superseded` where a newer request took its place or the provider has changed meanwhile.
   * Errors: those of wasm. A WebGPU that fails is not asked again: wasm takes over.
   */
  async ask<K extends Exclude<WorkKind, 'start' | 'load'>>(
    kind: K,
    takes: Work[K]['takes'],
  ): Promise<Work[K]['gives'] | typeof superseded> {
    const station = this.#active;
    if (station === undefined) return superseded;
    try {
      const gives = await station.client.ask(kind, takes);
      return this.#active === station ? gives : superseded;
    } catch (error) {
      if (station.provider === 'webgpu') this.#lose(station, faultOf(error));
      if (this.#active === station) throw error;
      return superseded;
    }
  }

  async #change(work: () => Promise<void>): Promise<void> {
    try {
      await this.#changes.add(undefined, work);
    } catch (error) {
      reportError(error);
      this.#fail(faultOf(error));
    }
  }

  #fail(cause: Fault): void {
    this.model.set({ status: 'failed', name: this.#chosen.name, fault: cause });
  }

  #judge(which: Provider, verdict: Verdict): void {
    const state = this.provider.get();
    this.provider.set({ ...state, verdicts: { ...state.verdicts, [which]: verdict } });
  }

  #refuse(which: Provider, cause: Fault): void {
    // A machine without a graphics processor is no fault; what has a cause is for the console too.
    if (cause.detail !== '') reportError(new InferenceError(cause));
    this.#judge(which, { status: 'refused', fault: cause });
  }

  /** The provider's station, opened where it isn't yet; undefined where it is refused, which its verdict then says. */
  async #open(which: Provider): Promise<Station | undefined> {
    const station = this.#stations.get(which);
    if (station !== undefined) return station;
    const opening = this.#openings.get(which) ?? this.#openNow(which);
    this.#openings.set(which, opening);
    try {
      return await opening;
    } finally {
      this.#openings.delete(which);
    }
  }

  /** WebGPU has to repeat the chosen model's self-check first. On wasm a model that doesn't is at fault itself. */
  async #openNow(which: Provider): Promise<Station | undefined> {
    this.#judge(which, { status: 'trying' });
    let station: Station | undefined;
    const client = new InferenceClient((cause) => {
      if (station !== undefined) this.#lose(station, cause);
    });
    try {
      const { threads } = await client.askSurely('start', { provider: which, folder: runtimeFolder() });
      station = { provider: which, client, threads, loaded: new Map() };
      const loaded = which === 'webgpu' ? await loadOn(station, this.#chosen) : undefined;
      this.#judge(which, { status: 'passed', threads, runMs: loaded?.runMs });
      this.#stations.set(which, station);
      return station;
    } catch (error) {
      client.close();
      this.#refuse(which, faultOf(error));
      return undefined;
    }
  }

  /** Shuts a station that cannot compute any more. What the views show was computed on it, or would wait for it. */
  #lose(station: Station, cause: Fault): void {
    const { provider } = station;
    if (this.#stations.get(provider) !== station) return;
    this.#close(provider);
    this.#refuse(provider, cause);
    if (this.#active !== station) return;
    this.#active = undefined;
    const { wish, verdicts } = this.provider.get();
    this.provider.set({ wish: wish === 'webgpu' ? 'auto' : wish, active: undefined, verdicts });
    this.model.set({ status: 'loading', name: this.#chosen.name });
    void this.#change(async () => {
      if (provider === 'wasm' && ++this.#replacements > mostReplacements) throw new InferenceError(cause);
      await this.#settle();
    });
  }

  #close(provider: Provider): void {
    this.#stations.get(provider)?.client.close();
    this.#stations.delete(provider);
  }

  /** Brings the provider that is wished for to work, or the next one that passes, and the chosen model with it. */
  async #settle(): Promise<void> {
    const { wish, verdicts } = this.provider.get();
    const wanted = wish === 'auto' ? (this.#active?.provider ?? 'wasm') : wish;
    if (wanted === 'webgpu' && verdicts.webgpu.status !== 'refused') {
      const webgpu = await this.#open('webgpu');
      if (webgpu !== undefined && (await this.#activate(webgpu))) return;
    }
    const wasm = await this.#open('wasm');
    if (wasm !== undefined && (await this.#activate(wasm))) return;
    const verdict = this.provider.get().verdicts.wasm;
    this.#fail(verdict.status === 'refused' ? verdict.fault : fault('failed'));
  }

  /** Lets a station answer with the chosen model; false where it could not, which its verdict says. Errors: those of a model on wasm. */
  async #activate(station: Station): Promise<boolean> {
    const { provider, threads } = station;
    try {
      const model = await loadOn(station, this.#chosen);
      if (this.#stations.get(provider) !== station) return false;
      this.#judge(provider, { status: 'passed', threads, runMs: model.runMs });
      this.#show(station);
      this.model.set({ status: 'ready', model });
      return true;
    } catch (error) {
      if (this.#stations.get(provider) !== station) return false;
      if (provider === 'wasm') {
        this.#show(station);
        throw error;
      }
      this.#lose(station, faultOf(error));
      return false;
    }
  }

  /** wasm stays open behind WebGPU, to take over; WebGPU behind wasm would only hold its memory. */
  #show(station: Station): void {
    this.#active = station;
    if (station.provider === 'wasm') this.#close('webgpu');
    this.provider.set({ ...this.provider.get(), active: station.provider });
  }

  /** Lets WebGPU take over where it passes and is faster. Nobody waits for it: a choice made meanwhile counts more. */
  async #tryFaster(): Promise<void> {
    const alongside = this.#active;
    if (alongside?.provider !== 'wasm' || !('gpu' in navigator)) return;
    const opened = await this.#open('webgpu');
    if (opened === undefined) return;
    await this.#change(async () => {
      const { name } = this.#chosen;
      if (this.#active === opened) return;
      const isWanted = this.#active === alongside && this.provider.get().wish === 'auto';
      if (isWanted && runMsOn(opened, name) < runMsOn(alongside, name)) await this.#activate(opened);
      else this.#close('webgpu');
    });
  }
}

/** Infinite for a model that has not been loaded there. */
function runMsOn({ loaded }: Station, model: string): number {
  return loaded.get(model)?.runMs ?? Number.POSITIVE_INFINITY;
}

/** What was taught may have been taught anew under its name; other files stay what they are. */
async function loadOn(station: Station, listed: ListedModel): Promise<LoadedModel> {
  const known = station.loaded.get(listed.name);
  if (known !== undefined && !listed.taught) return known;
  const loaded = await station.client.askSurely('load', { source: await listed.source() });
  station.loaded.set(listed.name, loaded);
  return loaded;
}

/** Where the build puts onnxruntime's files. */
export function runtimeFolder(): string {
  return new URL('onnxruntime/', document.baseURI).href;
}
