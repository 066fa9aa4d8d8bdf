/** Reads image files; checks their first bytes before it reads the rest. */
import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError, type TexturaErrorCode } from '../model/error.ts';
import { type DecodedKind, imageKindBytes, requireDecodedKind } from '../model/image-kind.ts';
import { whenDescriptorsAreFree } from './descriptors.ts';

/** Keeps a disk image in a class folder from filling the memory. */
const maxImageFileBytes = 512 * 1024 * 1024;

/** Most photographs are smaller. */
const firstReadBytes = 256 * 1024;

/** How often a file that changes while it is read is read again, and after how long. */
const readAttempts = 3;
const readPauseMs = 200;

/** How files are read: in the background, or by blocking the thread. */
export interface FileAccess {
  stat(path: string): Stats | Promise<Stats>;
  open(path: string): OpenFile | Promise<OpenFile>;
}

interface OpenFile {
  stat(): Stats | Promise<Stats>;
  read(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): { readonly bytesRead: number } | Promise<{ readonly bytesRead: number }>;
  close(): void | Promise<void>;
}

const backgroundAccess: FileAccess = { stat, open };

/** A small file takes a tenth of the processor time this way. */
export const blockingAccess = {
  stat: (path: string) => statSync(path),
  open(path: string) {
    const file = openSync(path, 'r');
    return {
      stat: () => fstatSync(file),
      read: (bytes: Uint8Array, offset: number, length: number, position: number) => ({
        bytesRead: readSync(file, bytes, offset, length, position),
      }),
      close: () => closeSync(file),
    };
  },
} satisfies FileAccess;

/**
 * The bytes of an image file, not decoded. Messages call it `name`.
 * Errors: `file-unreadable`, `image-damaged` (empty), `image-type-unsupported`, `image-too-large`.
 */
export async function readImageFile(path: string, name: string): Promise<Uint8Array> {
  return withImageFile(path, name, backgroundAccess, (file) => readImage(file, name));
}

/**
 * The bytes of an image file that did not change while it was read. A small file blocks the thread.
 * Errors: as `readImageFile`; `file-unreadable` if it keeps changing.
 */
export async function readSteadyImageFile(
  path: string,
  name: string,
  files: FileAccess = fileBytes(path) > firstReadBytes ? backgroundAccess : blockingAccess,
): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt++) {
    const { bytes, isSteady } = await withImageFile(path, name, files, async (file, before) => {
      const bytes = await readImage(file, name);
      return { bytes, isSteady: isSameState(before, await files.stat(path)) };
    });
    if (isSteady) return bytes;
    if (attempt === readAttempts) {
      throw new TexturaError('file-unreadable', `${name}: the file changed while it was read`);
    }
    await sleep(readPauseMs);
  }
}

/** The bytes of an image file from standard input. Errors: `image-too-large`. */
export async function readImageStream(stream: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    requireFileSize(bytes, name);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function requireFileSize(bytes: number, name: string): void {
  if (bytes <= maxImageFileBytes) return;
  throw new TexturaError('image-too-large', `${name}: a file can have ${maxImageFileBytes} bytes at most`);
}

/** Size of a file; 0 if it cannot be read, which the reader of the file reports. Blocks the thread. */
export function fileBytes(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/** Whether nothing has written to a file between two looks at it. */
export function isSameState(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

const fileFaults: ReadonlySet<TexturaErrorCode> = new Set([
  'file-unreadable',
  'image-type-unsupported',
  'image-damaged',
  'image-too-small',
  'image-too-large',
]);

/**
 * Whether an error says that an image file cannot be used; others, such as a lack of memory, are not its
 * fault.
 */
export function isFileFault(error: unknown): error is TexturaError {
  return error instanceof TexturaError && fileFaults.has(error.code);
}

/**
 * The result of `read`; undefined if the image file cannot be used, for example because it is gone by now.
 */
export async function unlessFileFault<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isFileFault(error)) throw error;
    return undefined;
  }
}

/** What an error says of an image file that this module and the decoder call `name`, without that name. */
export function reasonWithoutName({ message }: TexturaError, name: string): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

/** The format of an image file, by its first bytes. Errors: those of `readImageFile`. */
export async function imageFileKind(path: string, name: string): Promise<DecodedKind> {
  return withImageFile(path, name, backgroundAccess, async (file) =>
    requireDecodedKind(await readAt(file, 0, imageKindBytes), name),
  );
}

/** `work` also gets the state of the file before it was opened. */
async function withImageFile<T>(
  path: string,
  name: string,
  files: FileAccess,
  work: (file: OpenFile, before: Stats) => Promise<T>,
): Promise<T> {
  try {
    const before = await files.stat(path);
    // Opening a pipe would wait for a writer.
    if (!before.isFile())
      throw new TexturaError('file-unreadable', `${name}: expected a file, got a folder, pipe or device`);
    const file = await whenDescriptorsAreFree(async () => files.open(path));
    try {
      return await work(file, before);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof TexturaError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`;
    throw new TexturaError('file-unreadable', `${name}: ${why}`, { cause: error });
  }
}

async function readImage(file: OpenFile, name: string): Promise<Uint8Array> {
  const stats = await file.stat();
  const head = await readAt(file, 0, Math.min(stats.size, firstReadBytes));
  requireDecodedKind(head.subarray(0, imageKindBytes), name);
  requireFileSize(stats.size, name);
  if (stats.size <= head.length) return head;
  const bytes = new Uint8Array(stats.size);
  bytes.set(head);
  bytes.set(await readAt(file, head.length, stats.size - head.length), head.length);
  return bytes;
}

/** Up to `length` bytes from `position`. */
async function readAt(file: OpenFile, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
