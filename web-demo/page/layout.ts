/** The page's layout: header, picture, panel with its tabs, footer. */
import { element } from './dom/element.ts';
import {
  ariaLabel,
  formatList,
  type Language,
  language,
  languageNames,
  setLanguage,
  setText,
  textElement,
  textOf,
} from './language/language.ts';
import { notStored, storageKinds } from './storage.ts';
import { themeSwitch } from './theme.ts';
import { type View, type ViewName, viewNames } from './view.ts';

export interface PageLayout {
  /** Contains the picture and the side with bar and panel. */
  readonly main: HTMLElement;
  readonly bar: HTMLElement;
  readonly picture: HTMLElement;
  readonly panel: HTMLElement;
  /** Shows the links to the API of the service that the page comes from. */
  showService(): void;
}

export function pageLayout(): PageLayout {
  const bar = element('div', { class: 'model-bar' });
  const picture = element('div', { class: 'picture' });
  const panel = element('div', { class: 'panel', id: 'panel', tabindex: -1 });
  const serviceLinks = element(
    'nav',
    { class: 'links', hidden: true, ...ariaLabel('page.service') },
    textElement('a', 'page.api', { href: 'docs' }),
    textElement('a', 'page.openApi', { href: 'openapi.json' }),
  );
  const main = element('main', { class: 'layout' }, picture, element('div', { class: 'side' }, bar, panel));
  document.body.append(
    textElement('a', 'page.skip', { class: 'skip', href: '#panel' }),
    element(
      'header',
      { class: 'head' },
      element(
        'div',
        { class: 'mark' },
        element('h1', {}, 'Textura'),
        textElement('p', 'page.claim', { class: 'claim' }),
      ),
      languageSwitch(),
    ),
    main,
    foot(serviceLinks),
  );
  language.subscribe(() => {
    document.title = textOf('page.title');
  });
  return { main, bar, picture, panel, showService: () => serviceLinks.removeAttribute('hidden') };
}

/** Where pictures are processed, what the browser does not store, links, and the switch of the theme. */
function foot(links: HTMLElement): HTMLElement {
  const offline = element('span', {});
  const lost = element('p', { class: 'notice foot-lost', role: 'status', hidden: true });
  const draw = () => {
    const things = notStored.get();
    offline.hidden = things.has('offline');
    setText(offline, window.isSecureContext ? 'page.offline' : 'page.insecure');
    lost.hidden = things.size === 0;
    const names = storageKinds
      .filter((thing) => things.has(thing))
      .map((thing) => textOf(`page.notStored.${thing}`));
    setText(lost, 'page.notStored', { things: formatList(names) });
  };
  language.subscribe(draw);
  notStored.subscribe(draw);
  return element(
    'footer',
    { class: 'foot' },
    element('p', {}, textElement('span', 'page.foot'), ' ', offline),
    lost,
    element('div', { class: 'foot-tools' }, themeSwitch(), links),
  );
}

function languageSwitch(): HTMLElement {
  const buttons = (Object.keys(languageNames) as Language[]).map((one) => {
    const button = element('button', { lang: one, class: 'quiet' }, languageNames[one]);
    button.addEventListener('click', () => setLanguage(one, document));
    language.subscribe((now) => button.setAttribute('aria-pressed', String(now === one)));
    return button;
  });
  return element('div', { class: 'languages', role: 'group', ...ariaLabel('page.language') }, ...buttons);
}

interface ViewTabs {
  readonly root: HTMLElement;
  /** Does nothing if the view is not offered. */
  goTo(view: ViewName): void;
  current(): ViewName;
  /** Shows only the tabs of these views, and goes to the first of them if the current one is not among them. */
  offer(offered: readonly ViewName[]): void;
}

/**
 * Tabs in the WAI-ARIA pattern, with arrow keys. The address contains the view, so that a reload shows it
 * again.
 */
export function viewTabs(
  views: Readonly<Record<ViewName, View>>,
  onChange: (view: ViewName) => void,
): ViewTabs {
  const list = element('div', { class: 'tabs', role: 'tablist', ...ariaLabel('view.choose') });
  const panels = viewNames.map((name) =>
    element(
      'div',
      { role: 'tabpanel', id: `view-${name}`, 'aria-labelledby': `tab-${name}`, class: 'tab-panel' },
      views[name].root,
    ),
  );
  const tabs = viewNames.map((name) => {
    const tab = textElement('button', `view.${name}`, {
      role: 'tab',
      id: `tab-${name}`,
      'aria-controls': `view-${name}`,
    });
    tab.addEventListener('click', () => goTo(name));
    return tab;
  });
  let current: ViewName = 'live';
  let offered: readonly ViewName[] = viewNames;

  function offer(views: readonly ViewName[]): void {
    offered = views;
    for (const [i, tab] of tabs.entries()) tab.hidden = !views.includes(viewNames[i] as ViewName);
    const [first] = views;
    if (first !== undefined && !views.includes(current)) goTo(first);
  }

  function goTo(view: ViewName): void {
    if (!offered.includes(view)) return;
    current = view;
    viewNames.forEach((name, i) => {
      const isCurrent = name === view;
      tabs[i]?.setAttribute('aria-selected', String(isCurrent));
      tabs[i]?.setAttribute('tabindex', isCurrent ? '0' : '-1');
      panels[i]?.toggleAttribute('hidden', !isCurrent);
    });
    history.replaceState(null, '', `#${view}`);
    onChange(view);
  }

  list.addEventListener('keydown', ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step === undefined) return;
    const next = offered.at((offered.indexOf(current) + step) % offered.length) ?? current;
    goTo(next);
    tabs[viewNames.indexOf(next)]?.focus();
  });
  list.append(...tabs);
  // An address that somebody edits, or the link to the panel, after which the address has the view again.
  addEventListener('hashchange', () => {
    const view = addressedView() ?? current;
    if (view !== current && offered.includes(view)) goTo(view);
    else history.replaceState(null, '', `#${current}`);
  });
  return { root: element('div', {}, list, ...panels), goTo, current: () => current, offer };
}

/** The view in the address, if it has one. */
export function addressedView(): ViewName | undefined {
  const named = location.hash.slice(1);
  return viewNames.find((name) => name === named);
}

/**
 * Shown above Teach if there is no model. `open` are controls that open a model from a file, `commands` the
 * words before the name of a command.
 */
export function noModels(open: readonly HTMLElement[], commands = 'npm run'): HTMLElement {
  return element(
    'section',
    { class: 'view' },
    textElement('p', 'model.none'),
    element('p', {}, ...open),
    textElement('p', 'model.noneTrain'),
    element('pre', { tabindex: 0 }, `${commands} train\n${commands} export`),
  );
}

/** Shown if the list of models could not be loaded, which does not mean that there are none. */
export function modelsUnlisted(reason: () => string, retry: () => void): HTMLElement {
  const text = element('p', { role: 'alert' });
  const again = textElement('button', 'model.retry');
  language.subscribe(() => setText(text, 'model.unlisted', { reason: reason() }));
  again.addEventListener('click', retry);
  return element('section', { class: 'view' }, text, element('p', {}, again));
}
