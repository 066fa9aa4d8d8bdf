/**
 * The API reference from the docstrings of the package's entry points (`exports` of package.json): each
 * exported name with its docstring and its declaration, as they stand in the source.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';

const manifestSchema = z.object({
  exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string() })])).default({}),
});

interface Declaration {
  readonly name: string;
  readonly docstring: string;
  /** Without bodies of functions. */
  readonly code: string;
}

/** Import specifier and source file of each entry point. `root` is the repository. */
async function entryPoints(
  root: string,
): Promise<readonly { readonly specifier: string; readonly file: string }[]> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  return Object.entries(manifest.exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return [];
    const file = target.types.replace(/^\.\/dist\/code\//, '').replace(/\.d\.ts$/, '.ts');
    return [{ specifier: path.replace(/^\./, 'textura'), file: join(root, file) }];
  });
}

/**
 * The page as Markdown; undefined if the package exports nothing. Errors: `internal` for an export whose
 * declaration is not found.
 */
export async function apiPage(root: string): Promise<string | undefined> {
  const entries = await entryPoints(root);
  if (entries.length === 0) return undefined;
  const parts = [
    '# API reference',
    'What a Node program can import from the package. Every error is a `TexturaError` with a `code`.',
  ];
  for (const { specifier, file } of entries) {
    const source = await readFile(file, 'utf8');
    const declarations = await exportsOf(file, source);
    const [, introduction = ''] = /^\/\*\*([\s\S]*?)\*\//.exec(source) ?? [];
    parts.push(`## ${specifier}`, withExamples(textOf(introduction)).trim());
    for (const { name, docstring, code } of declarations) {
      parts.push(`### ${name}`, ...(docstring === '' ? [] : [docstring]), `\`\`\`ts\n${code}\n\`\`\``);
    }
  }
  return `${parts.join('\n\n')}\n`;
}

/** Functions and constants first, then types, each in the order of the file. */
async function exportsOf(file: string, source: string): Promise<readonly Declaration[]> {
  const found: Declaration[] = [];
  for (const name of ownNames(source)) found.push(declarationOf(name, source, file));
  for (const [, names = '', path = ''] of source.matchAll(
    /^export (?:type )?\{([^}]*)\} from '([^']+)';/gm,
  )) {
    const origin = join(dirname(file), path);
    const text = await readFile(origin, 'utf8');
    for (const name of names.split(',').map((part) => part.replace(/^\s*type\s/, '').trim())) {
      if (name !== '') found.push(declarationOf(name, text, origin));
    }
  }
  const isType = ({ code }: Declaration) => /^(interface|type) /.test(code);
  return [...found.filter((each) => !isType(each)), ...found.filter(isType)];
}

function ownNames(source: string): readonly string[] {
  return [...source.matchAll(/^export (?:async )?(?:function|interface|type|const|class) (\w+)/gm)].map(
    ([, name = '']) => name,
  );
}

function declarationOf(name: string, source: string, file: string): Declaration {
  const pattern = new RegExp(
    `^(?:/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n)?export ((?:async )?(function|interface|type|const|class) ${name}\\b)`,
    'm',
  );
  const match = pattern.exec(source);
  if (match === null) throw new TexturaError('internal', `${file}: found no declaration of ${name}`);
  const [whole, docstring = '', head = '', kind = ''] = match;
  const start = match.index + whole.length - head.length;
  return { name, docstring: textOf(docstring), code: codeOf(kind, source.slice(start)) };
}

/** The declaration at the start of `rest`, in the project's formatting: a block ends with a line `}`. */
function codeOf(kind: string, rest: string): string {
  switch (kind) {
    case 'function':
      return signatureOf(rest).replace(/^async /, '');
    case 'interface':
      return rest.slice(0, rest.indexOf('\n}') + 2);
    case 'class':
      return classOutline(rest.slice(0, rest.indexOf('\n}') + 2));
    case 'const': {
      const declared = statementOf(rest);
      const name = /^const (\w+)/.exec(declared)?.[1] ?? '';
      return /^const \w+ = z\b/.test(declared) ? `const ${name}: z.ZodType` : declared;
    }
    default:
      return statementOf(rest);
  }
}

/** Up to the semicolon outside brackets. */
function statementOf(rest: string): string {
  const end = outside(rest, 0, (character) => character === ';');
  return rest.slice(0, end);
}

/** A function without its body, which begins with the last brace of a line, outside brackets. */
function signatureOf(rest: string): string {
  const end = outside(rest, 0, (_, at) => rest.startsWith(' {\n', at));
  return rest.slice(0, end);
}

/** A class without private members and bodies of its methods. */
function classOutline(text: string): string {
  const [head = '', ...lines] = text.split('\n');
  const members: string[] = [];
  for (const line of lines) {
    // Members are indented by two spaces, their bodies deeper.
    if (!/^ {2}\S/.test(line) || /^ {2}(?:\}|private |#)/.test(line)) continue;
    members.push(line.replace(/ \{$/, ';'));
  }
  return [head, ...members, '}'].join('\n');
}

/** The first index outside of all brackets, strings and comments where `test` holds. */
function outside(text: string, from: number, test: (character: string, index: number) => boolean): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const character = text[i] ?? '';
    if (text.startsWith('/*', i)) i = text.indexOf('*/', i) + 1;
    else if (text.startsWith('//', i)) i = text.indexOf('\n', i);
    else if (`'"\``.includes(character)) i = text.indexOf(character, i + 1);
    else if (depth === 0 && test(character, i)) return i;
    else if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
  }
  throw new TexturaError('internal', `no end of ${text.slice(from, from + 60)}`);
}

/** The text of a docstring without its asterisks. */
function textOf(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
    .join('\n')
    .trim();
}

/** Indented lines of an introduction are an example. */
function withExamples(text: string): string {
  return text.replace(/(?:^ {4}.*(?:\n|$))+/gm, (lines) => {
    const code = lines.replace(/^ {4}/gm, '').trimEnd();
    return `\`\`\`ts\n${code}\n\`\`\`\n`;
  });
}
