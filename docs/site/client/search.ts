/** The search of the documentation, in the browser: every word of the query must begin a word of a section. */

interface Section {
  readonly page: string;
  readonly heading: string;
  readonly address: string;
  readonly text: string;
}

declare global {
  interface Window {
    texturaSections?: readonly Section[];
  }
}

const shown = 8;
const excerptCharacters = 130;

const field = document.querySelector<HTMLInputElement>('#search');
const results = document.querySelector<HTMLElement>('#results');
const menu = document.querySelector<HTMLDetailsElement>('.menu details');

const wide = matchMedia('(min-width: 60rem)');
const openMenu = () => {
  if (menu !== null) menu.open = wide.matches;
};
wide.addEventListener('change', openMenu);
openMenu();

if (field !== null && results !== null) searchWith(field, results);

function searchWith(field: HTMLInputElement, results: HTMLElement): void {
  const update = () => show(results, field.value);
  field.addEventListener('focus', () => loadIndex(update), { once: true });
  field.addEventListener('input', update);
  field.addEventListener('focus', update);
  addEventListener('keydown', (event) => {
    const links = [...results.querySelectorAll('a')];
    const isTyping = document.activeElement === field;
    if (event.key === '/' && !isTyping) {
      event.preventDefault();
      field.focus();
    } else if (event.key === 'Escape') {
      results.hidden = true;
      if (isTyping) field.blur();
    } else if (event.key === 'Enter' && isTyping) {
      links[0]?.click();
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && !results.hidden) {
      event.preventDefault();
      const stops = [field, ...links];
      const at = stops.findIndex((stop) => stop.matches(':focus'));
      const next = at + (event.key === 'ArrowDown' ? 1 : -1);
      stops[(next + stops.length) % stops.length]?.focus();
    }
  });
  addEventListener('pointerdown', ({ target }) => {
    if (target instanceof Node && !results.contains(target) && target !== field) results.hidden = true;
  });
  results.addEventListener('click', () => {
    results.hidden = true;
  });
}

function loadIndex(then: () => void): void {
  const script = document.createElement('script');
  script.src = 'search-index.js';
  script.addEventListener('load', then);
  document.head.append(script);
}

function show(results: HTMLElement, query: string): void {
  const words = query.toLowerCase().match(/[\p{L}\p{N}_.-]+/gu) ?? [];
  results.hidden = words.length === 0 || window.texturaSections === undefined;
  if (results.hidden) return;
  const found = (window.texturaSections ?? [])
    .map((section) => ({ section, score: scoreOf(section, words) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, shown);
  results.replaceChildren(...found.map(({ section }) => resultOf(section, words)));
  if (found.length === 0) results.textContent = 'Nothing found.';
}

/** 0 if a word is missing; a word of a heading counts more than one of the text. */
function scoreOf({ page, heading, text }: Section, words: readonly string[]): number {
  let score = 0;
  for (const word of words) {
    const begins = beginningOf(word);
    const here =
      (begins.test(heading) ? 12 : 0) +
      (begins.test(page) ? 5 : 0) +
      Math.min(4, text.match(new RegExp(begins, 'giu'))?.length ?? 0);
    if (here === 0) return 0;
    score += here;
  }
  return score;
}

function beginningOf(word: string): RegExp {
  const literal = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}])${literal}`, 'iu');
}

function resultOf({ page, heading, address, text }: Section, words: readonly string[]): HTMLElement {
  const link = document.createElement('a');
  link.href = address;
  const title = document.createElement('strong');
  title.textContent = heading === page ? page : `${page}: ${heading}`;
  const excerpt = document.createElement('span');
  excerpt.append(...marked(excerptOf(text, words), words));
  link.append(title, excerpt);
  return link;
}

function excerptOf(text: string, words: readonly string[]): string {
  const places = words.map((word) => text.search(beginningOf(word))).filter((place) => place >= 0);
  const start = Math.max(0, Math.min(...places, text.length) - 40);
  const from = start === 0 || places.length === 0 ? 0 : text.indexOf(' ', start) + 1;
  const cut = text.slice(from, from + excerptCharacters);
  return `${from > 0 ? '… ' : ''}${cut}${from + excerptCharacters < text.length ? ' …' : ''}`;
}

function marked(text: string, words: readonly string[]): readonly (string | HTMLElement)[] {
  const any = new RegExp(`(${words.map((word) => beginningOf(word).source).join('|')})`, 'giu');
  return text.split(any).map((part, i) => {
    if (i % 2 === 0) return part;
    const mark = document.createElement('mark');
    mark.textContent = part;
    return mark;
  });
}

export {};
