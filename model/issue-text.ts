/**
 * Turns schema issues into messages such as `--epochs: expected 1 or more, got "0"`, for command lines, files
 * and requests. zod's own texts are not shown.
 */
import type { z } from 'zod';
import { TexturaError } from './error.ts';
import { counted, oneLine } from './words.ts';

interface IssueSetting {
  /** The checked value, so that a message can quote it. Omit it if it is secret. */
  readonly input?: unknown;
  /** Formats a path in messages; by default as in `config.seeds[0]`. */
  readonly placeOf?: (path: readonly PropertyKey[]) => string;
}

/** One message per path with issues, in order. If a path has several issues, only the first is reported. */
export function issueTexts(
  { issues }: z.ZodError,
  { placeOf = pathText, ...setting }: IssueSetting = {},
): readonly string[] {
  const reported = new Set<string>();
  return issues.flatMap((issue): readonly string[] => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => `${placeOf([...issue.path, key])}: unknown`);
    const { path, expected } = farthest(issue);
    const got = 'input' in setting ? `, got ${valueText(valueAt(setting.input, path))}` : '';
    const place = placeOf(path);
    if (reported.has(place)) return [];
    reported.add(place);
    return [`${place === '' ? '' : `${place}: `}${expected}${got}`];
  });
}

/** The value of a JSON text; undefined if it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Parses JSON text against a schema. Errors: `file-damaged`, naming `where` and the first issues. */
export function parsedJson<T>(schema: z.ZodType<T>, text: string, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TexturaError('file-damaged', `${where}: not JSON`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const texts = issueTexts(result.error, { input: value });
  const more = texts.length > shownIssues ? [`and ${counted(texts.length - shownIssues, 'more fault')}`] : [];
  throw new TexturaError('file-damaged', `${where}: ${[...texts.slice(0, shownIssues), ...more].join('; ')}`);
}

/** A corrupt file can have an issue in every field. */
const shownIssues = 5;

type Issue = z.core.$ZodIssue;

interface Expectation {
  readonly path: readonly PropertyKey[];
  readonly expected: string;
}

/**
 * The path of an issue and what was expected there. Of the options of a union, those that match best are
 * used.
 */
function farthest(issue: Issue): Expectation {
  const { path } = issue;
  switch (issue.code) {
    case 'invalid_union': {
      const forms = issue.errors.filter((form) => form.length > 0);
      const fewest = Math.min(...forms.map((form) => form.length));
      const [first, ...others] = forms
        .filter((form) => form.length === fewest)
        .map(([one]) => farthest(one as Issue));
      if (first === undefined) return { path, expected: `expected ${optionsText(issue)}` };
      const isOfPlace = first.path.length === 0 && others.every((other) => other.path.length === 0);
      const expectations = isOfPlace ? [first, ...others] : [first];
      const texts = expectations.map(({ expected }) => expected.replace(/^expected /, ''));
      return { path: [...path, ...first.path], expected: `expected ${texts.join(' or ')}` };
    }
    case 'invalid_key':
    case 'invalid_element': {
      const [inner] = issue.issues;
      return { path, expected: inner === undefined ? 'not valid' : farthest(inner).expected };
    }
    case 'custom':
      return { path, expected: issue.message };
    case 'unrecognized_keys':
      return { path: [...path, issue.keys[0] ?? ''], expected: 'unknown' };
    case 'invalid_type':
      return { path, expected: `expected ${typeNames[issue.expected] ?? issue.expected}` };
    case 'invalid_value':
      return { path, expected: `expected ${oneOf(issue.values)}` };
    case 'invalid_format':
      return { path, expected: `expected ${formatText(issue)}` };
    case 'not_multiple_of':
      return { path, expected: `expected a multiple of ${issue.divisor}` };
    case 'too_small':
      return { path, expected: `expected ${leastText(issue)}` };
    case 'too_big':
      return { path, expected: `expected ${mostText(issue)}` };
    default:
      return issue satisfies never;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

function optionsText(issue: Extract<Issue, { code: 'invalid_union' }>): string {
  return 'options' in issue && issue.options !== undefined ? oneOf(issue.options) : 'another form';
}

function formatText(issue: Extract<Issue, { code: 'invalid_format' }>): string {
  if (issue.format === 'datetime') return 'a time such as 2026-01-31T12:00:00Z';
  return issue.format === 'regex' ? `text that matches ${issue.pattern}` : `text in the form ${issue.format}`;
}

function leastText({ origin, minimum, inclusive }: Extract<Issue, { code: 'too_small' }>): string {
  if (origin === 'string') return minimum === 1 ? 'text' : `${counted(Number(minimum), 'character')} or more`;
  if (origin === 'array') return `${counted(Number(minimum), 'entry', 'entries')} or more`;
  return inclusive === false ? `more than ${minimum}` : `${minimum} or more`;
}

function mostText({ origin, maximum, inclusive }: Extract<Issue, { code: 'too_big' }>): string {
  if (origin === 'string') return `${counted(Number(maximum), 'character')} or fewer`;
  if (origin === 'array') return `${counted(Number(maximum), 'entry', 'entries')} or fewer`;
  return inclusive === false ? `less than ${maximum}` : `${maximum} or less`;
}

function pathText(path: readonly PropertyKey[]): string {
  const parts = path.map((part, i) => {
    if (typeof part === 'number') return `[${part}]`;
    return `${i === 0 ? '' : '.'}${String(part).slice(0, longestValue)}`;
  });
  return oneLine(parts.join(''));
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, part) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, part) : undefined),
    value,
  );
}

const longestValue = 60;

function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? `"${value}"` : String(value);
  return oneLine(text.length > longestValue ? `${text.slice(0, longestValue)}...` : text);
}
