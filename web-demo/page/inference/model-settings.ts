/**
 * The chosen model with its state in one line; behind it the choice of model and provider, with what is known
 * about both.
 */
import type { PageFault } from '../../shared/faults.ts';
import type { Provider } from '../../shared/inference-api.ts';
import { element } from '../dom/element.ts';
import type { Signal } from '../dom/signal.ts';
import {
  ariaLabel,
  faultText,
  formatFileSize,
  formatNumber,
  formatSmall,
  language,
  setText,
  type TextKey,
  textElement,
  textOf,
} from '../language/language.ts';
import type { Inference, ProviderCheck, ProviderPreference, ProviderState } from './inference.ts';
import type { ListedModel } from './model-list.ts';

const preferences: Readonly<Record<ProviderPreference, TextKey>> = {
  auto: 'provider.auto',
  wasm: 'provider.wasm',
  webgpu: 'provider.webgpu',
};

/** `open` is called with the files that a person chooses: a model, and maybe its report. */
export function modelSettings(
  inference: Inference,
  models: Signal<readonly ListedModel[]>,
  open: (files: readonly File[]) => void,
): HTMLElement {
  const model = element('select', { id: 'model' });
  const preference = element('select', { id: 'provider' });
  const state = element('p', { class: 'provider-state', role: 'status' });
  const details = element('p', { class: 'model-details' });
  const name = element('span', { class: 'settings-model' });
  const check = element('span', { class: 'provider-check', role: 'status' });
  const again = textElement('button', 'model.retry', { hidden: true });
  const file = modelInput('model-file', open);
  const settings = element(
    'details',
    { class: 'settings' },
    element('summary', {}, name, check, textElement('span', 'model.settings', { class: 'settings-change' })),
    element(
      'div',
      { class: 'settings-body' },
      element('p', { class: 'field' }, textElement('label', 'model.choose', { for: model.id }), model),
      element(
        'p',
        { class: 'field' },
        textElement('label', 'provider.choose', { for: preference.id }),
        preference,
      ),
      element(
        'p',
        { class: 'settings-open' },
        ...file,
        textElement('span', 'model.openHint', { class: 'note' }),
      ),
      details,
      state,
      again,
    ),
  );

  const listModels = () => {
    const { name: chosen } = inference.chosen;
    model.replaceChildren(
      ...models.get().map((listed) => {
        return element('option', { value: listed.name, selected: listed.name === chosen }, titleOf(listed));
      }),
    );
  };
  const listPreferences = () => {
    const now = inference.provider.get().preference;
    preference.replaceChildren(
      ...(Object.keys(preferences) as ProviderPreference[]).map((value) =>
        element('option', { value, selected: value === now }, textOf(preferences[value])),
      ),
    );
  };
  const draw = () => {
    const provider = inference.provider.get();
    const modelState = inference.model.get();
    name.textContent = titleOf(inference.chosen);
    setText(check, checkText(inference));
    check.dataset.status = modelState.status;
    details.textContent = detailsText(inference);
    state.replaceChildren(...providerLines(provider).map((line) => element('span', {}, line)));
    again.hidden = modelState.status !== 'failed' || provider.active === undefined;
    if (isWorthTelling(inference)) settings.open = true;
  };

  models.subscribe(listModels);
  inference.model.subscribe(() => {
    listModels();
    draw();
  });
  inference.provider.subscribe(() => {
    listPreferences();
    draw();
  });
  language.subscribe(() => {
    listModels();
    listPreferences();
    draw();
  });
  model.addEventListener('change', () => {
    const listed = models.get().find((one) => one.name === model.value);
    if (listed !== undefined) void inference.choose(listed);
  });
  again.addEventListener('click', () => void inference.choose(inference.chosen));
  preference.addEventListener('change', () => void inference.prefer(preference.value as ProviderPreference));
  return element('div', { class: 'provider' }, settings, downloadBar(inference));
}

/** A button that opens model files. `id` is that of its file input. */
export function modelInput(id: string, open: (files: readonly File[]) => void): readonly HTMLElement[] {
  const input = element('input', {
    type: 'file',
    accept: '.onnx,.json',
    multiple: true,
    id,
    class: 'visually-hidden',
  });
  input.addEventListener('change', () => {
    open([...(input.files ?? [])]);
    input.value = '';
  });
  return [input, textElement('label', 'model.open', { class: 'button', for: input.id })];
}

function titleOf({ name, origin }: ListedModel): string {
  return origin === 'exported' ? name : textOf(`model.${origin}`, { name });
}

/** How much of the model is loaded, and a button that cancels. Slow connections only: it appears late. */
function downloadBar(inference: Inference): HTMLElement {
  const bar = element('progress', { max: 1, ...ariaLabel('model.download') });
  const text = element('span', { class: 'figure' });
  const cancel = textElement('button', 'model.cancel', { class: 'quiet' });
  const root = element('div', { class: 'download', hidden: true }, bar, text, cancel);
  let isShown = false;
  let timer: number | undefined;
  inference.download.subscribe((download) => {
    if (download === undefined) {
      clearTimeout(timer);
      timer = undefined;
      isShown = false;
    } else
      timer ??= window.setTimeout(() => {
        isShown = true;
        root.hidden = false;
      }, showDownloadAfterMs);
    root.hidden = !isShown;
    if (download === undefined) return;
    const { loaded, total } = download;
    if (total === undefined) bar.removeAttribute('value');
    else bar.value = loaded / total;
    if (total === undefined) text.textContent = formatFileSize(loaded);
    else setText(text, 'model.loaded', { loaded: formatFileSize(loaded), total: formatFileSize(total) });
  });
  cancel.addEventListener('click', () => inference.cancel());
  return root;
}

const showDownloadAfterMs = 400;

/** The state of the model in one or two words. */
function checkText({ model, provider }: Inference): TextKey {
  const state = model.get();
  switch (state.status) {
    case 'loading':
      return provider.get().active === undefined ? 'provider.starting' : 'model.loading';
    case 'failed':
      return 'model.unusable';
    case 'ready':
      return state.model.difference === undefined ? 'model.unverified' : 'model.verified';
    default:
      throw state satisfies never;
  }
}

/** What the state means. Empty while no provider is active: the provider lines give the reason. */
function detailsText({ chosen, model, provider }: Inference): string {
  const state = model.get();
  switch (state.status) {
    case 'loading':
      return '';
    case 'failed':
      return provider.get().active === undefined
        ? ''
        : textOf('model.failed', { name: chosen.name, reason: faultText(state.fault) });
    case 'ready': {
      const { difference } = state.model;
      return difference === undefined
        ? textOf('model.unverifiedDetails')
        : textOf('model.verifiedDetails', { difference: formatSmall(difference) });
    }
    default:
      throw state satisfies never;
  }
}

/** A failure that a person would not expect opens the settings, which explain it. */
function isWorthTelling({ model, provider }: Inference): boolean {
  const { webgpu, wasm } = provider.get().checks;
  const expected = ['no-webgpu', 'no-adapter', 'no-check'];
  const isExpected = webgpu.status !== 'refused' || expected.includes(webgpu.fault.code);
  return model.get().status === 'failed' || wasm.status === 'refused' || !isExpected;
}

/** The active provider, and why others are not used. */
function providerLines({ active, checks, preference }: ProviderState): readonly string[] {
  const { wasm, webgpu } = checks;
  const none = wasm.status === 'refused' ? 'provider.none' : 'provider.starting';
  const lines = [active === undefined ? textOf(none) : activeLine(active, checks[active])];
  if (active === 'wasm' && !window.isSecureContext) lines.push(textOf('provider.insecure'));
  else if (active === 'wasm' && !window.crossOriginIsolated) lines.push(textOf('provider.isolation'));
  if (webgpu.status === 'checking' && active !== undefined) lines.push(textOf('provider.checking'));
  if (webgpu.status === 'refused') lines.push(refusedLine('WebGPU', webgpu.fault));
  if (wasm.status === 'refused') lines.push(refusedLine('WebAssembly', wasm.fault));
  if (active === 'wasm' && preference === 'auto' && wasm.status === 'passed' && webgpu.status === 'passed') {
    const ms = (check: { readonly runMs: number | undefined }) => formatNumber(check.runMs ?? 0, 1);
    lines.push(textOf('provider.slower', { wasm: ms(wasm), webgpu: ms(webgpu) }));
  }
  return lines;
}

function activeLine(active: Provider, check: ProviderCheck): string {
  if (active === 'webgpu') return textOf('provider.webgpu');
  const threads = check.status === 'passed' ? check.threads : 1;
  return threads > 1 ? textOf('provider.threads', { threads }) : textOf('provider.single');
}

function refusedLine(provider: string, fault: PageFault): string {
  return textOf('provider.refused', { provider, reason: faultText(fault) });
}
