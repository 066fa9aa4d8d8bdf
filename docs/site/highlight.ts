/**
 * Colours for code: comments, strings, numbers and keywords. The pages have short examples in five languages,
 * which need no grammar.
 */
import { html, type Markup, trustedMarkup } from '../../report/markup.ts';

interface Language {
  readonly comment?: RegExp;
  readonly keywords?: ReadonlySet<string>;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));
const script: Language = {
  comment: /\/\/.*|\/\*[\s\S]*?\*\//,
  keywords: words(
    'as async await break class const constructor continue default else export extends false for from function if import in ' +
      'interface let new null of readonly return throw true try type undefined',
  ),
};
const hash = /(?<![\w$])#.*/;

const languages: Readonly<Record<string, Language>> = {
  js: script,
  ts: script,
  json: { keywords: words('true false null') },
  sh: { comment: hash, keywords: words('npm npx node curl docker python3 sudo') },
  python: {
    comment: hash,
    keywords: words('and as def else False for from if import in is None not or return True with'),
  },
  dockerfile: {
    comment: hash,
    keywords: words('FROM WORKDIR COPY RUN ENV USER EXPOSE HEALTHCHECK CMD ENTRYPOINT AS'),
  },
  ini: { comment: hash },
  yaml: { comment: hash, keywords: words('true false null') },
};

const strings = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/;
const numbers = /\b\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\b/;

/** The code of a language as markup; other languages and outputs stay plain. */
export function highlighted(code: string, name: string): Markup {
  const language = languages[name];
  if (language === undefined) return html`${withLines(code)}`;
  const { comment, keywords } = language;
  const source = [comment?.source ?? '(?!)', strings.source, numbers.source, '[A-Za-z_][\\w]*'];
  const pattern = new RegExp(source.map((part) => `(${part})`).join('|'), 'g');
  const parts: Markup[] = [];
  let end = 0;
  for (const match of code.matchAll(pattern)) {
    const [text, isComment, isString, isNumber] = match;
    parts.push(withLines(code.slice(end, match.index)));
    end = match.index + text.length;
    const kind =
      isComment !== undefined
        ? 'comment'
        : isString !== undefined
          ? 'string'
          : isNumber !== undefined
            ? 'number'
            : keywords?.has(text)
              ? 'keyword'
              : undefined;
    parts.push(kind === undefined ? withLines(text) : html`<span class="${kind}">${withLines(text)}</span>`);
  }
  return html`${[...parts, withLines(code.slice(end))]}`;
}

/** Escaped text that keeps its line breaks, which markup templates replace as control characters. */
function withLines(text: string): Markup {
  const lines = text.split('\n').map((line) => html`${line.replaceAll('\t', '    ')}`.markup);
  return trustedMarkup(lines.join('\n'));
}
