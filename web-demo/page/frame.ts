/** The page's frame: head, picture, panel with its tabs, foot. */
import { element } from './dom/element.ts';
import {
  formatList,
  type Language,
  labelled,
  language,
  languageNames,
  said,
  say,
  setLanguage,
  textOf,
} from './language/language.ts';
import { keptThings, unkept } from './storage.ts';
import { type View, type ViewName, viewNames } from './view.ts';

export interface PageFrame {
  /** Holds picture and leaf. */
  readonly book: HTMLElement;
  readonly bar: HTMLElement;
  readonly picture: HTMLElement;
  readonly panel: HTMLElement;
}

export function pageFrame(): PageFrame {
  const bar = element('div', { class: 'instruments' });
  const picture = element('div', { class: 'picture' });
  const panel = element('div', { class: 'panel', id: 'panel', tabindex: -1 });
  const book = element('main', { class: 'book' }, picture, element('div', { class: 'leaf' }, bar, panel));
  document.body.append(
    said('a', 'page.skip', { class: 'skip', href: '#panel' }),
    element(
      'header',
      { class: 'head' },
      element(
        'div',
        { class: 'mark' },
        element('h1', {}, 'Textura'),
        said('p', 'page.claim', { class: 'claim' }),
      ),
      languageSwitch(),
    ),
    book,
    foot(),
  );
  language.watch(() => {
    document.title = textOf('page.title');
  });
  return { book, bar, picture, panel };
}

/** Where pictures go (nowhere), and what the browser keeps. */
function foot(): HTMLElement {
  const offline = element('span', {});
  const lost = element('p', { class: 'notice foot-lost', role: 'status', hidden: true });
  const draw = () => {
    const things = unkept.get();
    offline.hidden = things.has('offline');
    say(offline, window.isSecureContext ? 'page.offline' : 'page.insecure');
    lost.hidden = things.size === 0;
    const names = keptThings
      .filter((thing) => things.has(thing))
      .map((thing) => textOf(`page.notStored.${thing}`));
    say(lost, 'page.notStored', { things: formatList(names) });
  };
  language.watch(draw);
  unkept.watch(draw);
  return element(
    'footer',
    { class: 'foot' },
    element('p', {}, said('span', 'page.foot'), ' ', offline),
    lost,
  );
}

function languageSwitch(): HTMLElement {
  const buttons = (Object.keys(languageNames) as Language[]).map((one) => {
    const button = element('button', { type: 'button', lang: one, class: 'quiet' }, languageNames[one]);
    button.addEventListener('click', () => setLanguage(one, document));
    language.watch((now) => button.setAttribute('aria-pressed', String(now === one)));
    return button;
  });
  return element('div', { class: 'languages', role: 'group', ...labelled('page.language') }, ...buttons);
}

export interface ViewTabs {
  readonly root: HTMLElement;
  goTo(view: ViewName): void;
  /** The view in front. */
  front(): ViewName;
}

/** Tabs of the WAI-ARIA pattern: arrow keys go from one to the next. The address keeps the view, so that a reload comes back to it. */
export function viewTabs(
  views: Readonly<Record<ViewName, View>>,
  onChange: (view: ViewName) => void,
): ViewTabs {
  const list = element('div', { class: 'tabs', role: 'tablist', ...labelled('view.choose') });
  const panels = viewNames.map((name) =>
    element(
      'div',
      { role: 'tabpanel', id: `view-${name}`, 'aria-labelledby': `tab-${name}`, class: 'tab-panel' },
      views[name].root,
    ),
  );
  const tabs = viewNames.map((name) => {
    const tab = said('button', `view.${name}`, {
      type: 'button',
      role: 'tab',
      id: `tab-${name}`,
      'aria-controls': `view-${name}`,
    });
    tab.addEventListener('click', () => goTo(name));
    return tab;
  });
  let front: ViewName = 'live';

  function goTo(view: ViewName): void {
    front = view;
    viewNames.forEach((name, i) => {
      const isFront = name === view;
      tabs[i]?.setAttribute('aria-selected', String(isFront));
      tabs[i]?.setAttribute('tabindex', isFront ? '0' : '-1');
      panels[i]?.toggleAttribute('hidden', !isFront);
    });
    history.replaceState(null, '', `#${view}`);
    onChange(view);
  }

  list.addEventListener('keydown', ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step === undefined) return;
    const next = viewNames.at((viewNames.indexOf(front) + step) % viewNames.length) ?? 'live';
    goTo(next);
    tabs[viewNames.indexOf(next)]?.focus();
  });
  list.append(...tabs);
  return { root: element('div', {}, list, ...panels), goTo, front: () => front };
}

/** The view that the address names, or the first. */
export function addressedView(): ViewName {
  const named = location.hash.slice(1);
  return viewNames.find((name) => name === named) ?? 'live';
}

/** What to do where no model was exported. */
export function noModels(): HTMLElement {
  return element(
    'section',
    { class: 'view' },
    said('p', 'model.none'),
    element('pre', { tabindex: 0 }, 'npm run train\nnpm run export\nnpm run demo'),
  );
}

/** Where the server did not say which models there are: not the same as there being none. */
export function modelsUnlisted(reason: () => string, retry: () => void): HTMLElement {
  const text = element('p', { role: 'alert' });
  const again = said('button', 'model.retry', { type: 'button' });
  language.watch(() => say(text, 'model.unlisted', { reason: reason() }));
  again.addEventListener('click', retry);
  return element('section', { class: 'view' }, text, element('p', {}, again));
}
