/**
 * Splits a multipart body (RFC 2046, RFC 7578) into its parts, in one synchronous pass over the whole body,
 * so that a request cannot hang here. Stream parsers can: @fastify/busboy 3.2.6 never finishes some forms
 * with a skipped part. Of the libraries that parse in one pass, multipasta 0.2.8 loses the part's name if a
 * file name is not Latin-1, and @remix-run/multipart-parser 0.16.3 refuses file names that are not UTF-8,
 * which curl on Windows sends.
 */
import { TexturaError } from '../../model/error.ts';

interface Part {
  /** The name of the form field; undefined if the part has none. */
  readonly name: string | undefined;
  /** A view of the body. */
  readonly content: Uint8Array;
}

const maxHeaderBytes = 8192;
const lineBreak = '\r\n';

/**
 * Yields the parts in order. Text before the first boundary and after the last one is ignored.
 * Errors: `usage`, saying what is wrong with the body.
 */
export function* multipartParts(body: Uint8Array, boundary: string): Generator<Part, void, undefined> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = Buffer.from(`${lineBreak}--${boundary}`, 'latin1');
  let at = endOfFirst(bytes, delimiter);
  while (bytes.toString('latin1', at, at + 2) !== '--') {
    const headersEnd = bytes.indexOf(lineBreak + lineBreak, at, 'latin1');
    if (headersEnd === -1) throw malformed('the body ends within the headers of a part');
    if (headersEnd - at > maxHeaderBytes) {
      throw malformed(`the headers of a part are longer than ${maxHeaderBytes} bytes`);
    }
    const start = headersEnd + 2 * lineBreak.length;
    const end = bytes.indexOf(delimiter, start - lineBreak.length);
    if (end === -1) throw malformed('the body ends within a part: its last boundary is missing');
    yield {
      name: nameIn(bytes.toString('utf8', at, headersEnd)),
      content: bytes.subarray(start, Math.max(start, end)),
    };
    at = end + delimiter.length;
  }
}

/** Only the first boundary may be at the start of the body, without a line break before it. */
function endOfFirst(bytes: Buffer, delimiter: Buffer): number {
  const bare = delimiter.subarray(lineBreak.length);
  if (bytes.subarray(0, bare.length).equals(bare)) return bare.length;
  const first = bytes.indexOf(delimiter);
  if (first === -1) throw malformed('the boundary that Content-Type names is not in the body');
  return first + delimiter.length;
}

/** The `name` of `Content-Disposition: form-data; name="..."`. */
function nameIn(headers: string): string | undefined {
  const disposition = /^content-disposition:(.*)$/im.exec(headers)?.[1] ?? '';
  return headerParameter(disposition, 'name');
}

/** A parameter of a header such as `form-data; name="image"; filename="a; name=b"`. */
export function headerParameter(header: string, wanted: string): string | undefined {
  const parameters = /;\s*([^=;\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g;
  for (const [, name = '', inQuotes, bare = ''] of header.matchAll(parameters)) {
    if (name.toLowerCase() === wanted) return inQuotes?.replace(/\\(["\\])/g, '$1') ?? bare.trim();
  }
  return undefined;
}

function malformed(what: string): TexturaError {
  return new TexturaError('usage', `form: ${what}`);
}
