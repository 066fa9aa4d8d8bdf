/** Reads image files; checks their first bytes before it reads the rest. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { TexturaError, type TexturaErrorCode } from '../model/error.ts';
import { type DecodedKind, imageKindBytes, requireDecodedKind } from '../model/image-kind.ts';
import { whenDescriptorsAreFree } from './descriptors.ts';

/** Keeps a disk image in a class folder from filling the memory. */
const maxImageFileBytes = 512 * 1024 * 1024;

/** Most photographs are smaller. */
const firstReadBytes = 256 * 1024;

/**
 * The bytes of an image file, not decoded. Messages call it `name`.
 * Errors: `file-unreadable`, `image-damaged` (empty), `image-type-unsupported`, `image-too-large`.
 */
export async function readImageFile(path: string, name: string): Promise<Uint8Array> {
  return withImageFile(path, name, (file) => readImage(file, name));
}

const fileFaults: ReadonlySet<TexturaErrorCode> = new Set([
  'file-unreadable',
  'image-type-unsupported',
  'image-damaged',
  'image-too-small',
  'image-too-large',
]);

/** Whether an error says that an image file cannot be used; others, such as a lack of memory, are not its fault. */
export function isFileFault(error: unknown): error is TexturaError {
  return error instanceof TexturaError && fileFaults.has(error.code);
}

/** What an error says of an image file that this module and the decoder call `name`, without that name. */
export function reasonWithoutName({ message }: TexturaError, name: string): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

/** The format of an image file, by its first bytes. Errors: those of `readImageFile`. */
export async function imageFileKind(path: string, name: string): Promise<DecodedKind> {
  return withImageFile(path, name, async (file) =>
    requireDecodedKind(await readAt(file, 0, imageKindBytes), name),
  );
}

async function withImageFile<T>(
  path: string,
  name: string,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  try {
    // Before it is opened, because opening a pipe would wait for a writer.
    if (!(await stat(path)).isFile())
      throw new TexturaError('file-unreadable', `${name}: expected a file, got a folder, pipe or device`);
    const file = await whenDescriptorsAreFree(() => open(path));
    try {
      return await work(file);
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

async function readImage(file: FileHandle, name: string): Promise<Uint8Array> {
  const stats = await file.stat();
  const head = await readAt(file, 0, Math.min(stats.size, firstReadBytes));
  requireDecodedKind(head.subarray(0, imageKindBytes), name);
  if (stats.size > maxImageFileBytes) {
    throw new TexturaError(
      'image-too-large',
      `${name}: expected a file of ${maxImageFileBytes} bytes or fewer, got ${stats.size}`,
    );
  }
  if (stats.size <= head.length) return head;
  const bytes = new Uint8Array(stats.size);
  bytes.set(head);
  bytes.set(await readAt(file, head.length, stats.size - head.length), head.length);
  return bytes;
}

/** Up to `length` bytes from `position`. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
