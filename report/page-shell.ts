/** A report as one self-contained page: nothing is loaded from anywhere, so it can be mailed, archived and opened offline. */
import { html, type Markup, ownMarkup } from './markup.ts';
import { moment } from './numerals.ts';
import { pageStyle } from './page-style.ts';

export interface PageContent {
  readonly heading: Markup;
  readonly title: string;
  /** One sentence with the result. */
  readonly description: string;
  /** As ISO 8601. */
  readonly startedAt: string;
  /** What stands in large beside the heading. */
  readonly result: Markup;
  readonly sections: readonly Markup[];
  /** CSS besides that of all reports. */
  readonly style?: string;
}

/** The page's HTML. */
export function pageShell(content: PageContent): string {
  const { heading, title, description, startedAt, result, sections, style = '' } = content;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${description}">
<title>${title} – Textura</title>
<style>${ownMarkup(pageStyle)}${ownMarkup(style)}</style>
</head>
<body>
<main>
<header>
<div><h1>${heading}</h1><p class="date">${moment(startedAt)}</p></div>
${result}
</header>
${sections}
</main>
</body>
</html>
`.markup;
}
