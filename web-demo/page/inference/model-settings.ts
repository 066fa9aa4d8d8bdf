/** Controls for the model and the provider that runs it, with the state of both. */
import type { Fault } from '../../shared/faults.ts';
import type { Provider } from '../../shared/inference-api.ts';
import { element } from '../dom/element.ts';
import type { Signal } from '../dom/signal.ts';
import {
  faultText,
  formatNumber,
  language,
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

export function providerBar(inference: Inference, models: Signal<readonly ListedModel[]>): HTMLElement {
  const model = element('select', { id: 'model' });
  const preference = element('select', { id: 'provider' });
  const state = element('p', { class: 'provider-state', role: 'status' });
  const check = element('div', { class: 'provider-check' });

  const listModels = () => {
    const chosen = inference.model.get();
    const name = chosen.status === 'ready' ? chosen.model.name : chosen.name;
    model.replaceChildren(
      ...models.get().map((listed) => {
        const text =
          listed.origin === 'exported'
            ? listed.name
            : textOf(`model.${listed.origin}`, { name: listed.name });
        return element('option', { value: listed.name, selected: listed.name === name }, text);
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
    state.replaceChildren(
      ...providerLines(inference.provider.get()).map((line) => element('span', {}, line)),
    );
    check.replaceChildren(...modelCheck(inference));
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
    const listed = models.get().find(({ name }) => name === model.value);
    if (listed !== undefined) void inference.choose(listed);
  });
  preference.addEventListener('change', () => void inference.prefer(preference.value as ProviderPreference));

  return element(
    'div',
    { class: 'provider' },
    element('p', { class: 'field' }, textElement('label', 'model.choose', { for: model.id }), model),
    element(
      'p',
      { class: 'field' },
      textElement('label', 'provider.choose', { for: preference.id }),
      preference,
    ),
    element('div', { class: 'provider-report' }, state, check),
  );
}

/**
 * Whether the model passed its self-check. Empty while no provider is active: the provider lines give the
 * reason.
 */
function modelCheck({ model, provider }: Inference): readonly (Node | string)[] {
  const state = model.get();
  switch (state.status) {
    case 'loading':
      return [textOf('model.loading', { name: state.name })];
    case 'failed':
      return provider.get().active === undefined
        ? []
        : [textOf('model.failed', { name: state.name, reason: faultText(state.fault) })];
    case 'ready':
      return [
        element(
          'details',
          {},
          element('summary', {}, textOf('model.verified')),
          textOf('model.verifiedDetails', { difference: state.model.difference.toExponential(1) }),
        ),
      ];
    default:
      throw state satisfies never;
  }
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

function refusedLine(provider: string, fault: Fault): string {
  return textOf('provider.refused', { provider, reason: faultText(fault) });
}
