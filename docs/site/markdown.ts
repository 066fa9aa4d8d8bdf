/**
 * One Markdown page to HTML: headings get the anchors that GitHub gives them, so that a link works in both
 * places; links between pages become links of the site; code gets colours.
 */
import { Marked, type Token, type Tokens } from 'marked';
import { html, type Markup, nothing, trustedMarkup } from '../../report/markup.ts';
import { highlighted } from './highlight.ts';

export interface Heading {
  readonly depth: number;
  readonly text: string;
  readonly anchor: string;
}

/** A heading and the text below it, for the search. */
interface Section {
  readonly heading: string;
  readonly anchor: string;
  readonly text: string;
}

export interface RenderedPage {
  /** The first heading. */
  readonly title: string;
  readonly body: Markup;
  readonly headings: readonly Heading[];
  readonly sections: readonly Section[];
  /** Targets of links and pictures, as they are written. */
  readonly targets: readonly string[];
}

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

interface PageContext {
  /** Turns a target as it is written into an address of the site. */
  address(target: string): string;
  /** Size of a picture in pixels, so that the text below it does not move when it arrives. */
  sizeOf(target: string): PictureSize | undefined;
}

export function renderPage(markdown: string, { address, sizeOf }: PageContext): RenderedPage {
  const headings: Heading[] = [];
  const targets: string[] = [];
  const anchorOf = anchors();
  let tables = 0;
  const follow = (target: string): string => {
    targets.push(target);
    return address(target);
  };
  const marked = new Marked({ gfm: true });
  marked.use({
    renderer: {
      heading({ tokens, depth }) {
        const text = plainText(tokens);
        const anchor = anchorOf(text);
        headings.push({ depth, text, anchor });
        const content = trustedMarkup(this.parser.parseInline(tokens));
        if (depth === 1) return html`<h1 id="${anchor}">${content}</h1>\n`.markup;
        const label = `Link to ${text}`;
        const link = html`<a class="anchor" href="#${anchor}" aria-label="${label}">#</a>`.markup;
        return `<h${depth} id="${anchor}">${content.markup} ${link}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        return html`<a href="${follow(href)}">${trustedMarkup(this.parser.parseInline(tokens))}</a>`.markup;
      },
      image({ href, text }) {
        const size = sizeOf(href);
        const sides = size === undefined ? nothing : html` width="${size.width}" height="${size.height}"`;
        const picture = html`<img src="${follow(href)}" alt="${text}"${sides} loading="lazy">`;
        // A wide figure is readable on a phone only in full size.
        return html`<a class="figure" href="${address(href)}">${picture}</a>`.markup;
      },
      code({ text, lang = '' }) {
        return html`<pre tabindex="0"><code>${highlighted(text, lang)}</code></pre>\n`.markup;
      },
      table(token) {
        tables += 1;
        const content = tableMarkup(token, (tokens) => this.parser.parseInline(tokens));
        return `<div class="table" role="region" aria-label="Table ${tables}" tabindex="0">${content}</div>\n`;
      },
    },
  });
  const tokens = marked.lexer(markdown);
  const body = trustedMarkup(marked.parser(tokens));
  const title = headings.find(({ depth }) => depth === 1)?.text ?? '';
  return { title, body, headings, sections: sectionsOf(tokens, headings), targets };
}

function tableMarkup({ header, rows }: Tokens.Table, inline: (tokens: Token[]) => string): string {
  const cell = (tag: 'th' | 'td') => (content: Tokens.TableCell) => {
    const side = content.align === null ? '' : ` style="text-align: ${content.align}"`;
    const text = inline(content.tokens);
    // A heading without words is none.
    const element = text === '' ? 'td' : tag;
    return `<${element}${side}>${text}</${element}>`;
  };
  const body = rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('\n');
  return `<table><thead><tr>${header.map(cell('th')).join('')}</tr></thead>\n<tbody>${body}</tbody></table>`;
}

/** Anchors as GitHub makes them: letters, digits, `-` and `_`; a repeated one gets a number. */
function anchors(): (text: string) => string {
  const uses = new Map<string, number>();
  return (text) => {
    const anchor = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    const count = uses.get(anchor) ?? 0;
    uses.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  };
}

/** The words of inline tokens, without markup. */
function plainText(tokens: readonly Token[] = []): string {
  return tokens
    .map((token) => {
      if (token.type === 'br') return ' ';
      if ('tokens' in token && token.tokens !== undefined) return plainText(token.tokens);
      return 'text' in token ? unescaped(token.text) : '';
    })
    .join('');
}

const characters: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

function unescaped(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => characters[entity] ?? entity);
}

function sectionsOf(tokens: readonly Token[], headings: readonly Heading[]): readonly Section[] {
  const sections: { heading: string; anchor: string; words: string[] }[] = [];
  let next = 0;
  for (const token of tokens) {
    if (token.type === 'heading') {
      const heading = headings[next];
      next += 1;
      if (heading !== undefined) sections.push({ heading: heading.text, anchor: heading.anchor, words: [] });
    } else {
      sections.at(-1)?.words.push(blockText(token));
    }
  }
  return sections.map(({ words, ...section }) => ({
    ...section,
    text: words.join(' ').replace(/\s+/g, ' ').trim(),
  }));
}

/** The words of a block; cells and items are separated by spaces. */
function blockText(token: Token): string {
  switch (token.type) {
    case 'table': {
      const { header, rows } = token as Tokens.Table;
      return [header, ...rows].flatMap((row) => row.map((cell) => plainText(cell.tokens))).join(' ');
    }
    case 'list':
      return (token as Tokens.List).items
        .flatMap((item) => item.tokens.map((inside) => blockText(inside)))
        .join(' ');
    case 'code':
      return (token as Tokens.Code).text;
    default:
      return 'tokens' in token ? plainText(token.tokens) : '';
  }
}
