import { type BinaryLike, createHash } from 'node:crypto';

/** SHA-256 of bytes, or of text as UTF-8, in 64 hexadecimal digits. */
export function sha256(content: BinaryLike): string {
  return createHash('sha256').update(content).digest('hex');
}
