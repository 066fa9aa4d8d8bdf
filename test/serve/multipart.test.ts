import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TexturaError } from '../../model/error.ts';
import { headerParameter, multipartParts } from '../../serve/http/multipart.ts';

const partsOf = (body: string | Uint8Array, boundary = 'x') =>
  [...multipartParts(typeof body === 'string' ? Buffer.from(body, 'latin1') : body, boundary)].map(
    ({ name, content }) => ({ name, content: Buffer.from(content).toString('latin1') }),
  );
const named = (name: string) => `Content-Disposition: form-data; name="${name}"`;

describe('the parts of a body', () => {
  const two = [
    { name: 'a', content: 'one' },
    { name: 'b', content: '' },
  ];
  const plain = `--x\r\n${named('a')}\r\n\r\none\r\n--x\r\n${named('b')}\r\n\r\n\r\n--x--\r\n`;

  test.each([
    ['as browsers write them', plain],
    ['without a line break at the end', plain.slice(0, -2)],
    ['after a line break', `\r\n${plain}`],
    ['after text for old mail programs', `This is a message in parts.\r\n${plain}`],
    ['before text', `${plain}not a part\r\n--x\r\n`],
    ['with spaces after a boundary', plain.replace('--x\r\n', '--x \t\r\n')],
    ['with other headers', plain.replace(named('a'), `X-A: b\r\n${named('a')}\r\nContent-Type: image/png`)],
    ['with header names in capitals', plain.replaceAll('Content-Disposition', 'CONTENT-DISPOSITION')],
    ['with names without quotation marks', plain.replaceAll('"', '')],
    [
      'with an empty part that the boundary follows at once',
      plain.replace('\r\n\r\n\r\n--x--', '\r\n\r\n--x--'),
    ],
  ])('are read %s', (_, body) => {
    expect(partsOf(body)).toEqual(two);
  });

  test.each([
    ['UTF-8', Buffer.from('Straße 日本 🧶.jpg', 'utf8').toString('latin1')],
    ['Latin-1', 'Stra\xdfe.jpg'],
    ['quotation marks', 'a \\"good\\" one.jpg'],
    ['what looks like a name', 'a; name=\\"b\\"; name=c.jpg'],
  ])('are read where a file name has %s', (_, filename) => {
    for (const parameters of [
      `name="image"; filename="${filename}"`,
      `filename="${filename}"; name="image"`,
    ]) {
      const head = `--x\r\nContent-Disposition: form-data; ${parameters}`;
      expect(partsOf(`${head}\r\n\r\n1\r\n--x--`)).toEqual([{ name: 'image', content: '1' }]);
    }
  });

  test('have no name if none is given', () => {
    const body = '--x\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; filename="name=a"\r\n\r\n2\r\n--x--';
    expect(partsOf(body)).toEqual([
      { name: undefined, content: '1' },
      { name: undefined, content: '2' },
    ]);
  });

  test.each([
    ['nothing', '', /not in the body/],
    ['another boundary', '--y\r\n\r\n1\r\n--y--', /not in the body/],
    ['headers without end', '--x\r\nX-A: b\r\n', /within the headers/],
    [
      'headers that are too long',
      `--x\r\nX-A: ${'b'.repeat(9000)}\r\n\r\n1\r\n--x--`,
      /longer than 8192 bytes/,
    ],
    ['a part without end', `--x\r\n${named('a')}\r\n\r\none\r\n`, /last boundary is missing/],
    ['an end that is cut', `--x\r\n${named('a')}\r\n\r\none\r\n--x`, /within the headers/],
  ])('are refused with words where there is %s', (_, body, message) => {
    expect(() => partsOf(body)).toThrow(message);
  });

  test('round-trip any content', async () => {
    const file = fc.record({
      name: fc.string({ unit: 'grapheme', minLength: 1 }),
      filename: fc.string({ unit: 'grapheme' }),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.string().map((text) => Buffer.from(`\r\n--${text}`)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 6 }), async (files) => {
        const form = new FormData();
        for (const { name, filename, bytes } of files) {
          form.append(name, new Blob([new Uint8Array(bytes)]), filename);
        }
        const request = new Response(form);
        const boundary = headerParameter(request.headers.get('content-type') ?? '', 'boundary') ?? '';
        const parts = [...multipartParts(new Uint8Array(await request.arrayBuffer()), boundary)];
        expect(parts.map(({ content }) => Buffer.from(content))).toEqual(
          files.map(({ bytes }) => Buffer.from(bytes)),
        );
        // In a form these three stand percent-encoded, and every line break is CRLF.
        const inForm = (name: string) => name.replace(/\r\n|\r|\n/g, '%0D%0A').replaceAll('"', '%22');
        expect(parts.map(({ name }) => name)).toEqual(files.map(({ name }) => inForm(name)));
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  test('or a readable error, quickly, after any mutation of the body', () => {
    const piece = fc.constantFrom(
      '--x',
      '--',
      '\r\n',
      '\r\n\r\n',
      named('image'),
      'name="',
      '";',
      ';',
      'a',
      '\0',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          partsOf(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(TexturaError);
        }
      }),
      { numRuns: 2000, seed: 5 },
    );
    const begin = performance.now();
    for (const text of [';'.repeat(8000), ';a="'.repeat(2000), '; '.repeat(4000), ';a="\\'.repeat(1500)]) {
      headerParameter(text, 'name');
    }
    expect(performance.now() - begin).toBeLessThan(200);
  });
});

test.each([
  ['multipart/form-data; boundary=----abc', '----abc'],
  ['multipart/form-data; charset=utf-8; boundary="a b;c"', 'a b;c'],
  ['multipart/form-data;BOUNDARY=abc ; charset=utf-8', 'abc'],
  ['multipart/form-data', undefined],
  ['multipart/form-data; xboundary=a', undefined],
])('the boundary of %s is %s', (header, boundary) => {
  expect(headerParameter(header, 'boundary')).toBe(boundary);
});
