import { expect, test } from 'vitest';
import { z } from 'zod';
import { issueTexts, parsedJson } from '../../model/issue-text.ts';
import { runSchema } from '../../model/run-file.ts';
import { sourcesThatMatch } from '../support/product-sources.ts';

function textOf(schema: z.ZodType, input: unknown): string {
  const { error } = schema.safeParse(input);
  if (error === undefined) throw new Error('expected the value to be refused');
  return issueTexts(error, { input }).join('; ');
}

const oneOfTwo = z.union([
  z.strictObject({ image: z.string() }),
  z.strictObject({ images: z.array(z.string()) }),
]);

test.each<[z.ZodType, unknown, string]>([
  [z.int(), 2.5, 'expected a whole number, got 2.5'],
  [z.int(), undefined, 'expected a number, got nothing'],
  [z.number(), 'x', 'expected a number, got "x"'],
  [z.number(), Number.NaN, 'expected a number, got NaN'],
  [z.coerce.number(), 'x', 'expected a number, got "x"'],
  [z.int().min(1), 0, 'expected 1 or more, got 0'],
  [z.number().positive(), -1, 'expected more than 0, got -1'],
  [z.number().lt(1), 1, 'expected less than 1, got 1'],
  [z.number().max(8), 9, 'expected 8 or less, got 9'],
  [z.number().multipleOf(2), 3, 'expected a multiple of 2, got 3'],
  [z.string(), null, 'expected text, got null'],
  [z.string().min(1), '', 'expected text, got ""'],
  [z.string().min(16), 'short', 'expected 16 characters or more, got "short"'],
  [z.string().max(3), 'long', 'expected 3 characters or fewer, got "long"'],
  [z.string().max(3), 'x'.repeat(99), `expected 3 characters or fewer, got "${'x'.repeat(59)}...`],
  [z.string().max(3), 'evil\u001b[2J\n', 'expected 3 characters or fewer, got "evil\\u001b[2J\\n"'],
  [z.array(z.string()).min(2), ['a'], 'expected 2 entries or more, got a list of 1'],
  [z.array(z.string()).max(1), ['a', 'b'], 'expected 1 entry or fewer, got a list of 2'],
  [z.enum(['none', 'strong']), 'shake', 'expected one of none, strong, got "shake"'],
  [z.literal('FP32'), 'FP16', 'expected FP32, got "FP16"'],
  [z.boolean(), 'yes', 'expected true or false, got "yes"'],
  [z.record(z.string(), z.int()), { a: 'x' }, 'a: expected a number, got "x"'],
  [
    z.strictObject({ a: z.strictObject({ b: z.array(z.int()) }) }),
    { a: { b: [1, 'x'] } },
    'a.b[1]: expected a number, got "x"',
  ],
  [z.strictObject({ a: z.int() }), { a: 1, b: 2, 'c\n': 3 }, 'b: unknown; c\\n: unknown'],
  [z.iso.datetime(), 'today', 'expected a time such as 2026-01-31T12:00:00Z, got "today"'],
  [z.string().regex(/^[a-z]+$/), 'A', 'expected text that matches /^[a-z]+$/, got "A"'],
  [z.base64(), '!', 'expected text in the form base64, got "!"'],
  [z.union([z.number(), z.enum(['NaN'])]), 'x', 'expected a number or NaN, got "x"'],
  [oneOfTwo, { images: [1] }, 'images[0]: expected text, got 1'],
  [
    z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') })]),
    { kind: 'b' },
    'kind: expected a, got "b"',
  ],
  [z.partialRecord(z.enum(['portable']), z.string()), { other: 'x' }, 'other: unknown'],
  [z.number().refine((value) => value > 1, 'expected more than one'), 0, 'expected more than one, got 0'],
])('%#: what is wrong is said in our words', (schema, input, text) => {
  expect(textOf(schema, input)).toBe(text);
});

test('of several issues at one path the first is reported', () => {
  expect(textOf(z.strictObject({ labels: z.array(z.string()).min(2) }), { labels: 'a' })).toBe(
    'labels: expected a list, got "a"',
  );
});

test('a secret is not repeated', () => {
  const error = z.strictObject({ key: z.string().min(16) }).safeParse({ key: 'secret' }).error as z.ZodError;
  expect(issueTexts(error)).toEqual(['key: expected 16 characters or more']);
});

test('a file is reported with its issues, at most the first five', () => {
  expect(() => parsedJson(runSchema, '{"textura": 3}', 'runs/a/run.json')).toThrow(
    /^runs\/a\/run\.json: textura: expected text, got 3; config: expected an object, got nothing; .*; and 2 more faults$/,
  );
  expect(() => parsedJson(runSchema, '{', 'runs/a/run.json')).toThrow('runs/a/run.json: not JSON');
});

test("no other file uses zod's messages", () => {
  const tellers = sourcesThatMatch(/prettifyError|flattenError|treeifyError|\.issues\b/);
  expect(tellers).toEqual(['model/issue-text.ts']);
});
