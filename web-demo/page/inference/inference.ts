/**
 * Chooses the model and the execution provider that runs it. wasm starts first. WebGPU is checked in parallel
 * and takes over only if it passes the model's self-check and is faster. wasm then stays open as a fallback,
 * because a graphics device can be lost at any time. Results of a provider that fails its check are never
 * shown.
 */
import { noTemperatures } from '../../../model/calibration.ts';
import { fault, InferenceError, type PageFault, pageFaultOf } from '../../shared/faults.ts';
import type { InferenceApi, LoadedModel, Provider } from '../../shared/inference-api.ts';
import type { Download } from '../../shared/model-fetch.ts';
import { runQueue, superseded } from '../../shared/run-queue.ts';
import type { Input, Output } from '../../shared/worker-calls.ts';
import { signal } from '../dom/signal.ts';
import { type Backend, loadOn, openBackend, runMsOn } from './backend.ts';
import type { ListedModel } from './model-list.ts';

export type ProviderPreference = 'auto' | Provider;

export type ProviderCheck =
  | { readonly status: 'unchecked' | 'checking' }
  /** `runMs` is undefined until a model has been loaded. */
  | { readonly status: 'passed'; readonly threads: number; readonly runMs: number | undefined }
  | { readonly status: 'refused'; readonly fault: PageFault };

export interface ProviderState {
  readonly preference: ProviderPreference;
  readonly active: Provider | undefined;
  readonly checks: Readonly<Record<Provider, ProviderCheck>>;
}

export type ModelState =
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly model: LoadedModel }
  | { readonly status: 'failed'; readonly fault: PageFault };

const unchecked: ProviderState['checks'] = { wasm: { status: 'unchecked' }, webgpu: { status: 'unchecked' } };

/** How often a lost wasm worker is replaced. A picture that crashes it would crash every replacement. */
const maxReplacements = 2;

/** Before the first model is trained. */
const noModel: ListedModel = {
  name: '',
  labels: [],
  bytes: 0,
  temperatures: noTemperatures,
  top1err: undefined,
  origin: 'exported',
  file: '',
  check: () => Promise.reject(new InferenceError(fault('failed'))),
};

/** The page's inference: one backend at a time is active. */
export class Inference {
  readonly provider = signal<ProviderState>({ preference: 'auto', active: undefined, checks: unchecked });
  readonly model = signal<ModelState>({ status: 'loading' });
  /** The download of the chosen model, while there is one. */
  readonly download = signal<Download | undefined>(undefined);
  #cancellation: AbortController | undefined;
  #chosen: ListedModel;
  #active: Backend | undefined;
  #replacements = 0;
  readonly #backends = new Map<Provider, Backend>();
  readonly #openings = new Map<Provider, Promise<Backend | undefined>>();
  /** Changes of model or provider run one after another. */
  readonly #changes = runQueue();

  /** Starts to load the model, if there is one already. The signals report the result. */
  constructor(first: ListedModel | undefined) {
    this.#chosen = first ?? noModel;
    if (first !== undefined) void this.prefer('auto');
  }

  /** The model that was chosen last; it may still be loading, or have failed. */
  get chosen(): ListedModel {
    return this.#chosen;
  }

  /** Loads a model on the current provider. */
  choose(listed: ListedModel): Promise<void> {
    if (this.#chosen === noModel) {
      this.#chosen = listed;
      this.model.set({ status: 'loading' });
      return this.prefer(this.provider.get().preference);
    }
    return this.#change(async () => {
      const before = this.model.get().status === 'ready' ? this.#chosen : undefined;
      this.#chosen = listed;
      this.model.set({ status: 'loading' });
      const { preference, active, checks } = this.provider.get();
      const { webgpu } = checks;
      const lackedReport = webgpu.status === 'refused' && webgpu.fault.code === 'no-check';
      if (lackedReport)
        this.provider.set({ preference, active, checks: { ...checks, webgpu: unchecked.webgpu } });
      await this.#settle(before);
      if (lackedReport && preference === 'auto') void this.#tryFaster();
    });
  }

  /** Stops the download of the chosen model. The model before it, if there was one, is used again. */
  cancel(): void {
    this.#cancellation?.abort();
  }

  prefer(preference: ProviderPreference): Promise<void> {
    return this.#change(async () => {
      const { active, checks } = this.provider.get();
      // A new choice checks a refused WebGPU again.
      const webgpu = checks.webgpu.status === 'refused' ? unchecked.webgpu : checks.webgpu;
      this.provider.set({ preference, active, checks: { ...checks, webgpu } });
      await this.#settle();
      if (preference === 'auto') void this.#tryFaster();
    });
  }

  /**
   * Loads further models next to the chosen one, while they are wanted, and reports before each how many are
   * done. Returns those that are loaded.
   */
  async loadOthers(
    listed: readonly ListedModel[],
    isWanted: () => boolean,
    onProgress: (done: number) => void,
  ): Promise<readonly LoadedModel[]> {
    const loaded: LoadedModel[] = [];
    for (const [i, one] of listed.entries()) {
      if (this.#active === undefined || !isWanted()) break;
      onProgress(i);
      try {
        loaded.push(await loadOn(this.#active, one));
      } catch (error) {
        if (isWanted()) reportError(error);
      }
    }
    return loaded;
  }

  /**
   * Calls the active provider. `superseded` if a newer call replaced this one or the provider has changed in
   * the meantime.
   * Errors: those of wasm. If WebGPU fails, wasm takes over.
   */
  async call<K extends Exclude<keyof InferenceApi, 'start' | 'load'>>(
    kind: K,
    input: Input<InferenceApi, K>,
  ): Promise<Output<InferenceApi, K> | typeof superseded> {
    const backend = this.#active;
    if (backend === undefined) return superseded;
    try {
      const output = await backend.client.callLatest(kind, input);
      return this.#active === backend ? output : superseded;
    } catch (error) {
      if (backend.provider === 'webgpu') this.#lose(backend, pageFaultOf(error));
      if (this.#active === backend) throw error;
      return superseded;
    }
  }

  async #change(work: () => Promise<void>): Promise<void> {
    try {
      await this.#changes.add(undefined, work);
    } catch (error) {
      const cause = pageFaultOf(error);
      if (cause.code !== 'cancelled') reportError(error);
      this.#fail(cause);
    }
  }

  #fail(cause: PageFault): void {
    this.model.set({ status: 'failed', fault: cause });
  }

  #setCheck(which: Provider, check: ProviderCheck): void {
    const state = this.provider.get();
    this.provider.set({ ...state, checks: { ...state.checks, [which]: check } });
  }

  #refuse(which: Provider, cause: PageFault): void {
    // Not having a graphics processor is no error; causes go to the console.
    if (cause.detail !== '') reportError(new InferenceError(cause));
    this.#setCheck(which, { status: 'refused', fault: cause });
  }

  /** The provider's backend, opened if needed. Undefined if it is refused; its check then has the reason. */
  async #open(which: Provider): Promise<Backend | undefined> {
    const backend = this.#backends.get(which);
    if (backend !== undefined) return backend;
    const opening = this.#openings.get(which) ?? this.#openNow(which);
    this.#openings.set(which, opening);
    try {
      return await opening;
    } finally {
      this.#openings.delete(which);
    }
  }

  /** WebGPU must pass the chosen model's self-check first. If wasm fails it, the model is at fault. */
  async #openNow(which: Provider): Promise<Backend | undefined> {
    this.#setCheck(which, { status: 'checking' });
    let backend: Backend | undefined;
    try {
      backend = await openBackend(which, (lost, cause) => this.#lose(lost, cause));
      const { threads } = backend;
      const loaded = which === 'webgpu' ? await loadOn(backend, this.#chosen) : undefined;
      this.#setCheck(which, { status: 'passed', threads, runMs: loaded?.runMs });
      this.#backends.set(which, backend);
      return backend;
    } catch (error) {
      backend?.client.close();
      this.#refuse(which, pageFaultOf(error));
      return undefined;
    }
  }

  /** Closes a backend that cannot compute any more, and starts another one. */
  #lose(backend: Backend, cause: PageFault): void {
    const { provider } = backend;
    if (this.#backends.get(provider) !== backend) return;
    this.#close(provider);
    this.#refuse(provider, cause);
    if (this.#active !== backend) return;
    this.#active = undefined;
    const { preference, checks } = this.provider.get();
    this.provider.set({
      preference: preference === 'webgpu' ? 'auto' : preference,
      active: undefined,
      checks,
    });
    this.model.set({ status: 'loading' });
    void this.#change(async () => {
      if (provider === 'wasm' && ++this.#replacements > maxReplacements) throw new InferenceError(cause);
      await this.#settle();
    });
  }

  #close(provider: Provider): void {
    this.#backends.get(provider)?.client.close();
    this.#backends.delete(provider);
  }

  /**
   * Activates the preferred provider with the chosen model, or wasm if it is refused. If a person cancels, the
   * model `before` is chosen again. Errors: those of a model on wasm; `cancelled` without a model before.
   */
  async #settle(before?: ListedModel): Promise<void> {
    const cancellation = new AbortController();
    this.#cancellation = cancellation;
    try {
      await this.#settleNow();
    } catch (error) {
      if (!cancellation.signal.aborted) throw error;
      if (before === undefined) throw new InferenceError(fault('cancelled'));
      this.#chosen = before;
      this.#cancellation = undefined;
      await this.#settleNow();
    } finally {
      this.#cancellation = undefined;
    }
  }

  async #settleNow(): Promise<void> {
    const { preference, checks } = this.provider.get();
    const wanted = preference === 'auto' ? (this.#active?.provider ?? 'wasm') : preference;
    if (wanted === 'webgpu' && checks.webgpu.status !== 'refused') {
      const webgpu = await this.#open('webgpu');
      if (webgpu !== undefined && (await this.#activate(webgpu))) return;
    }
    const wasm = await this.#open('wasm');
    if (wasm !== undefined && (await this.#activate(wasm))) return;
    const check = this.provider.get().checks.wasm;
    this.#fail(check.status === 'refused' ? check.fault : fault('failed'));
  }

  /**
   * Makes a backend with the chosen model the active one; false if it is refused. Errors: those of a model on
   * wasm.
   */
  async #activate(backend: Backend): Promise<boolean> {
    const { provider, threads } = backend;
    try {
      const model = await this.#load(backend);
      if (this.#backends.get(provider) !== backend) return false;
      this.#setCheck(provider, { status: 'passed', threads, runMs: model.runMs });
      this.#show(backend);
      this.model.set({ status: 'ready', model });
      return true;
    } catch (error) {
      if (this.#backends.get(provider) !== backend) return false;
      if (this.#cancellation?.signal.aborted) {
        if (this.#active === undefined) this.#show(backend);
        throw error;
      }
      if (provider === 'wasm') {
        this.#show(backend);
        throw error;
      }
      this.#lose(backend, pageFaultOf(error));
      return false;
    }
  }

  /** Loads the chosen model; a person can cancel it. */
  async #load(backend: Backend): Promise<LoadedModel> {
    const signal = this.#cancellation?.signal;
    const onProgress = (download: Download) => this.download.set(download);
    try {
      return await loadOn(backend, this.#chosen, { signal, onProgress });
    } finally {
      this.download.set(undefined);
    }
  }

  /** wasm stays open as a fallback for WebGPU. WebGPU is closed when wasm is active, to free its memory. */
  #show(backend: Backend): void {
    this.#active = backend;
    if (backend.provider === 'wasm') this.#close('webgpu');
    this.provider.set({ ...this.provider.get(), active: backend.provider });
  }

  /**
   * Switches to WebGPU if it passes its check and is faster, unless another choice was made in the meantime.
   */
  async #tryFaster(): Promise<void> {
    const current = this.#active;
    if (current?.provider !== 'wasm' || !('gpu' in navigator)) return;
    const opened = await this.#open('webgpu');
    if (opened === undefined) return;
    await this.#change(async () => {
      const { name } = this.#chosen;
      if (this.#active === opened) return;
      const isWanted = this.#active === current && this.provider.get().preference === 'auto';
      if (isWanted && runMsOn(opened, name) < runMsOn(current, name)) await this.#activate(opened);
      else this.#close('webgpu');
    });
  }
}
