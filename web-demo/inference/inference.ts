/**
 * Which model answers on which provider. wasm is there at once; WebGPU is tried beside it and takes over only where it passes the model's
 * self-check and is faster. A provider that fails is refused with its numbers, and what it would have said is never shown.
 */
import { TexturaError } from '../../model/error.ts';
import { type Signal, signal } from '../dom/signal.ts';
import { InferenceClient, superseded } from './client.ts';
import type { LoadedModel, Provider, Work, WorkKind } from './messages.ts';
import type { ListedModel } from './model-list.ts';

export type ProviderWish = 'auto' | Provider;

export type Verdict =
  | { readonly status: 'untried' | 'trying' }
  | {
      readonly status: 'passed';
      readonly threads: number;
      readonly difference: number;
      readonly runMs: number;
    }
  | { readonly status: 'refused'; readonly code: string; readonly message: string };

export interface ProviderState {
  readonly wish: ProviderWish;
  readonly active: Provider | undefined;
  readonly verdicts: Readonly<Record<Provider, Verdict>>;
}

export type ModelState =
  | { readonly status: 'loading'; readonly name: string }
  | { readonly status: 'ready'; readonly model: LoadedModel }
  | { readonly status: 'failed'; readonly name: string; readonly code: string; readonly message: string };

interface Station {
  readonly provider: Provider;
  readonly client: InferenceClient;
  readonly threads: number;
  readonly loaded: Map<string, LoadedModel>;
}

const untried: ProviderState['verdicts'] = { wasm: { status: 'untried' }, webgpu: { status: 'untried' } };

/** The sessions of the page: one provider at a time answers, each in a worker of its own. */
export class Inference {
  readonly provider: Signal<ProviderState>;
  readonly model: Signal<ModelState>;
  #chosen: ListedModel;
  #station: Station | undefined;
  #changes = Promise.resolve();
  readonly #openings = new Map<Provider, Promise<Station | undefined>>();

  /** Begins to load the model. What comes of it is told by the signals. */
  constructor(first: ListedModel, wish: ProviderWish) {
    this.#chosen = first;
    this.provider = signal<ProviderState>({ wish, active: undefined, verdicts: untried });
    this.model = signal<ModelState>({ status: 'loading', name: first.name });
    void this.#change(() => this.#settle());
  }

  /** Loads a model on the provider at hand. */
  choose(listed: ListedModel): Promise<void> {
    return this.#change(() => this.#load(listed));
  }

  prefer(wish: ProviderWish): Promise<void> {
    return this.#change(() => {
      this.provider.set({ ...this.provider.get(), wish });
      return this.#settle();
    });
  }

  /** Loads further models beside the chosen one, those that aren't yet. Gives the names of those that could be loaded. */
  async loadBeside(listed: readonly ListedModel[]): Promise<readonly string[]> {
    const names: string[] = [];
    for (const one of listed) {
      if (this.#station === undefined) break;
      await loadOn(this.#station, one).then(
        () => names.push(one.name),
        () => {},
      );
    }
    return names;
  }

  /** Asks the active provider. `superseded` where a newer request took its place or the provider has changed meanwhile. */
  async ask<K extends Exclude<WorkKind, 'start' | 'load'>>(
    kind: K,
    takes: Work[K]['takes'],
  ): Promise<Work[K]['gives'] | typeof superseded> {
    return this.#station === undefined ? superseded : this.#station.client.ask(kind, takes);
  }

  /** Changes follow one another: a choice made meanwhile waits for the one before it. */
  #change(work: () => Promise<void>): Promise<void> {
    this.#changes = this.#changes.then(work).catch((error: unknown) => this.#fail(faultOf(error)));
    return this.#changes;
  }

  #fail({ code, message }: Fault): void {
    this.model.set({ status: 'failed', name: this.#chosen.name, code, message });
  }

  #judge(which: Provider, verdict: Verdict): void {
    const state = this.provider.get();
    this.provider.set({ ...state, verdicts: { ...state.verdicts, [which]: verdict } });
  }

  /** Opens a provider, or waits for the opening that is under way. */
  #open(which: Provider): Promise<Station | undefined> {
    const underWay = this.#openings.get(which);
    if (underWay !== undefined) return underWay;
    const opening = this.#openNow(which).finally(() => this.#openings.delete(which));
    this.#openings.set(which, opening);
    return opening;
  }

  /** Opens a provider with the chosen model; undefined where it is refused, which its verdict then says. */
  async #openNow(which: Provider): Promise<Station | undefined> {
    this.#judge(which, { status: 'trying' });
    const client = new InferenceClient();
    try {
      const { threads } = await client.askSurely('start', { provider: which, folder: runtimeFolder() });
      const loaded = await client.askSurely('load', { source: await this.#chosen.source() });
      const { difference, runMs } = loaded;
      this.#judge(which, { status: 'passed', threads, difference, runMs });
      return { provider: which, client, threads, loaded: new Map([[loaded.name, loaded]]) };
    } catch (error) {
      client.close();
      this.#judge(which, { status: 'refused', ...faultOf(error) });
      return undefined;
    }
  }

  #activate(next: Station): void {
    const before = this.#station;
    this.#station = next;
    before?.client.close();
    this.provider.set({ ...this.provider.get(), active: next.provider });
    const loaded = next.loaded.get(this.#chosen.name);
    if (loaded !== undefined) this.model.set({ status: 'ready', model: loaded });
  }

  /** Brings the provider that is wished for to work, or the next one that passes. */
  async #settle(): Promise<void> {
    const { wish } = this.provider.get();
    const order: readonly Provider[] = wish === 'webgpu' ? ['webgpu', 'wasm'] : ['wasm'];
    for (const which of order) {
      const opened = this.#station?.provider === which ? this.#station : await this.#open(which);
      if (opened === undefined) continue;
      if (opened !== this.#station) {
        await loadOn(opened, this.#chosen);
        this.#activate(opened);
      }
      if (wish === 'auto') void this.#tryFaster();
      return;
    }
    const { wasm } = this.provider.get().verdicts;
    this.#fail(wasm.status === 'refused' ? wasm : { code: 'internal', message: '' });
  }

  /** Lets WebGPU take over where it passes and is faster. Nobody waits for it: a choice made meanwhile counts more. */
  async #tryFaster(): Promise<void> {
    const beside = this.#station;
    if (beside?.provider !== 'wasm' || !('gpu' in navigator)) return;
    const opened = await this.#open('webgpu');
    if (opened === undefined) return;
    const { name } = this.#chosen;
    const { wish } = this.provider.get();
    const isCurrent = this.#station === beside && opened.loaded.has(name) && wish === 'auto';
    if (isCurrent && runMsOn(opened, name) < runMsOn(beside, name)) this.#activate(opened);
    // Somebody who wishes for WebGPU meanwhile waits for the same opening.
    else if (wish !== 'webgpu') opened.client.close();
  }

  async #load(listed: ListedModel): Promise<void> {
    this.#chosen = listed;
    this.model.set({ status: 'loading', name: listed.name });
    const station = this.#station;
    if (station === undefined) return this.#settle();
    try {
      const loaded = await loadOn(station, listed);
      const { difference, runMs } = loaded;
      this.#judge(station.provider, { status: 'passed', threads: station.threads, difference, runMs });
      this.model.set({ status: 'ready', model: loaded });
    } catch (error) {
      await this.#refuse(station.provider, faultOf(error));
    }
  }

  /** A model that fails on WebGPU is tried on wasm; one that fails there has nowhere to go. */
  async #refuse(which: Provider, fault: Fault): Promise<void> {
    if (which === 'wasm') return this.#fail(fault);
    this.#judge(which, { status: 'refused', ...fault });
    const wasm = await this.#open('wasm');
    if (wasm === undefined) this.#fail(fault);
    else this.#activate(wasm);
  }
}

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

interface Fault {
  readonly code: string;
  readonly message: string;
}

function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  return { code: error instanceof TexturaError ? error.code : 'internal', message };
}
