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

export interface Inference {
  readonly provider: Signal<ProviderState>;
  readonly model: Signal<ModelState>;
  /** Loads a model on the provider at hand. */
  choose(model: ListedModel): Promise<void>;
  prefer(wish: ProviderWish): Promise<void>;
  /** Loads further models beside the chosen one, those that aren't yet. Gives those that could be loaded. */
  loadBeside(models: readonly ListedModel[]): Promise<readonly string[]>;
  /** Asks the active provider. `superseded` where a newer request took its place or the provider has changed meanwhile. */
  ask<K extends Exclude<WorkKind, 'start' | 'load'>>(
    kind: K,
    takes: Work[K]['takes'],
  ): Promise<Work[K]['gives'] | typeof superseded>;
}

interface Station {
  readonly provider: Provider;
  readonly client: InferenceClient;
  readonly threads: number;
  readonly loaded: Map<string, LoadedModel>;
}

const untried: ProviderState['verdicts'] = { wasm: { status: 'untried' }, webgpu: { status: 'untried' } };

export function createInference(first: ListedModel, wish: ProviderWish): Inference {
  const provider = signal<ProviderState>({ wish, active: undefined, verdicts: untried });
  const model = signal<ModelState>({ status: 'loading', name: first.name });
  let chosen = first;
  let station: Station | undefined;
  let changes = Promise.resolve();
  const openings = new Map<Provider, Promise<Station | undefined>>();

  /** Changes follow one another: a choice made meanwhile waits for the one before it. */
  function change(work: () => Promise<void>): Promise<void> {
    changes = changes.then(work).catch((error: unknown) => {
      model.set({ status: 'failed', name: chosen.name, ...faultOf(error) });
    });
    return changes;
  }

  function judge(which: Provider, verdict: Verdict): void {
    const state = provider.get();
    provider.set({ ...state, verdicts: { ...state.verdicts, [which]: verdict } });
  }

  /** Opens a provider, or waits for the opening that is under way. */
  function open(which: Provider): Promise<Station | undefined> {
    const underWay = openings.get(which);
    if (underWay !== undefined) return underWay;
    const opening = openNow(which).finally(() => openings.delete(which));
    openings.set(which, opening);
    return opening;
  }

  /** Opens a provider with the chosen model; undefined where it is refused, which its verdict then says. */
  async function openNow(which: Provider): Promise<Station | undefined> {
    judge(which, { status: 'trying' });
    const client = new InferenceClient();
    try {
      const { threads } = await client.askSurely('start', { provider: which, folder: runtimeFolder() });
      const loaded = await client.askSurely('load', { source: await chosen.source() });
      const { difference, runMs } = loaded;
      judge(which, { status: 'passed', threads, difference, runMs });
      return { provider: which, client, threads, loaded: new Map([[loaded.name, loaded]]) };
    } catch (error) {
      client.close();
      judge(which, { status: 'refused', ...faultOf(error) });
      return undefined;
    }
  }

  function activate(next: Station): void {
    const before = station;
    station = next;
    before?.client.close();
    provider.set({ ...provider.get(), active: next.provider });
    const loaded = next.loaded.get(chosen.name);
    if (loaded !== undefined) model.set({ status: 'ready', model: loaded });
  }

  async function settle(): Promise<void> {
    const { wish: wanted } = provider.get();
    const order: readonly Provider[] = wanted === 'webgpu' ? ['webgpu', 'wasm'] : ['wasm'];
    for (const which of order) {
      const opened = station?.provider === which ? station : await open(which);
      if (opened === undefined) continue;
      if (opened !== station) {
        await loadOn(opened, chosen);
        activate(opened);
      }
      if (wanted === 'auto') void tryFaster();
      return;
    }
    const verdict = provider.get().verdicts.wasm;
    const fault = verdict.status === 'refused' ? verdict : { code: 'internal', message: '' };
    model.set({ status: 'failed', name: chosen.name, code: fault.code, message: fault.message });
  }

  /** Lets WebGPU take over where it passes and is faster. Nobody waits for it: a choice made meanwhile counts more. */
  async function tryFaster(): Promise<void> {
    const beside = station;
    if (beside?.provider !== 'wasm' || !('gpu' in navigator)) return;
    const opened = await open('webgpu');
    if (opened === undefined) return;
    const isCurrent = station === beside && opened.loaded.has(chosen.name) && provider.get().wish === 'auto';
    if (isCurrent && runMsOf(opened) < runMsOf(beside)) activate(opened);
    // Somebody who wishes for WebGPU meanwhile waits for the same opening.
    else if (provider.get().wish !== 'webgpu') opened.client.close();
  }

  function runMsOf({ loaded }: Station): number {
    return loaded.get(chosen.name)?.runMs ?? Number.POSITIVE_INFINITY;
  }

  async function loadOn(at: Station, listed: ListedModel): Promise<LoadedModel> {
    const known = at.loaded.get(listed.name);
    if (known !== undefined && !listed.taught) return known;
    const loaded = await at.client.askSurely('load', { source: await listed.source() });
    at.loaded.set(listed.name, loaded);
    return loaded;
  }

  async function load(listed: ListedModel): Promise<void> {
    chosen = listed;
    model.set({ status: 'loading', name: listed.name });
    if (station === undefined) return settle();
    try {
      const loaded = await loadOn(station, listed);
      const { difference, runMs } = loaded;
      judge(station.provider, { status: 'passed', threads: station.threads, difference, runMs });
      model.set({ status: 'ready', model: loaded });
    } catch (error) {
      const fault = faultOf(error);
      const failed = station.provider;
      if (failed === 'wasm') model.set({ status: 'failed', name: listed.name, ...fault });
      else {
        judge(failed, { status: 'refused', ...fault });
        const wasm = await open('wasm');
        if (wasm !== undefined) activate(wasm);
      }
    }
  }

  void change(settle);
  return {
    provider,
    model,
    choose: (listed) => change(() => load(listed)),
    prefer: (next) =>
      change(async () => {
        provider.set({ ...provider.get(), wish: next });
        await settle();
      }),
    async loadBeside(listed) {
      const names: string[] = [];
      for (const one of listed) {
        if (station === undefined) break;
        await loadOn(station, one).then(
          () => names.push(one.name),
          () => {},
        );
      }
      return names;
    },
    async ask(kind, takes) {
      if (station === undefined) return superseded;
      return station.client.ask(kind, takes);
    },
  };
}

/** Where the build puts onnxruntime's files. */
export function runtimeFolder(): string {
  return new URL('onnxruntime/', document.baseURI).href;
}

export function faultOf(error: unknown): { readonly code: string; readonly message: string } {
  const message = error instanceof Error ? error.message : String(error);
  return { code: error instanceof TexturaError ? error.code : 'internal', message };
}
