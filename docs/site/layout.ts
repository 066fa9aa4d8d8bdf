/** The frame of a page: head, menu, content, the headings of the page, and the pages before and after. */
import { html, type Markup, nothing } from '../../report/markup.ts';
import type { Heading } from './markdown.ts';

interface MenuLink {
  readonly address: string;
  readonly label: string;
}

interface LayoutOfPage {
  readonly title: string;
  readonly address: string;
  readonly body: Markup;
  readonly headings: readonly Heading[];
  readonly menu: readonly { readonly name: string; readonly links: readonly MenuLink[] }[];
}

export function documentLayout({ title, address, body, headings, menu }: LayoutOfPage): Markup {
  const links = menu.flatMap((group) => group.links);
  const position = links.findIndex((link) => link.address === address);
  const name = title === 'Textura' ? title : `${title} · Textura`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="tokens.css">
<link rel="stylesheet" href="style.css">
<script src="search.js" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<a class="mark" href="index.html">Textura</a>
<div class="search" role="search">
<input type="search" id="search" placeholder="Search" aria-label="Search the documentation" autocomplete="off"
 aria-controls="results" aria-keyshortcuts="/">
<div id="results" class="results" aria-live="polite" hidden></div>
</div>
</header>
<div class="columns">
<nav class="menu" aria-label="Pages">
<details>
<summary>Pages</summary>
${menu.map((group) => menuGroup(group, address))}
</details>
</nav>
<main id="content">
${body}
<nav class="neighbours" aria-label="Previous and next page">
${neighbour(links[position - 1], 'previous')}
${neighbour(links[position + 1], 'next')}
</nav>
</main>
${outline(headings)}
</div>
</body>
</html>
`;
}

function menuGroup(
  { name, links }: { readonly name: string; readonly links: readonly MenuLink[] },
  current: string,
): Markup {
  const items = links.map(({ address, label }) =>
    address === current
      ? html`<li><a href="${address}" aria-current="page">${label}</a></li>`
      : html`<li><a href="${address}">${label}</a></li>`,
  );
  return html`<h2>${name}</h2><ul>${items}</ul>\n`;
}

function neighbour(link: MenuLink | undefined, side: 'previous' | 'next'): Markup {
  if (link === undefined) return nothing;
  const word = side === 'previous' ? 'Previous' : 'Next';
  return html`<a class="${side}" href="${link.address}" rel="${side === 'previous' ? 'prev' : 'next'}"><span>${word}</span> ${link.label}</a>`;
}

/** The headings of the page; pages with few have none. */
function outline(headings: readonly Heading[]): Markup {
  const listed = headings.filter(({ depth }) => depth === 2 || depth === 3);
  if (listed.length < 3) return nothing;
  const items = listed.map(
    ({ depth, text, anchor }) => html`<li class="depth-${depth}"><a href="#${anchor}">${text}</a></li>`,
  );
  return html`<nav class="outline" aria-label="On this page"><h2>On this page</h2><ul>${items}</ul></nav>`;
}
