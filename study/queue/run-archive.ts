/**
 * Transfers a run's directory through Redis: a hash of its files with a manifest of their SHA-256, replaced
 * atomically, so that a sender that dies leaves the previous archive.
 */

import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { isLockFile } from '../../node/folder-lock.ts';
import { sha256 } from '../../node/sha256.ts';

const manifestField = 'manifest';
const manifestSchema = z.record(z.string(), z.string());

/** An incomplete archive, whose sender died, expires after this time. */
const unfinishedSeconds = 3600;

/** Sends the directory's files for which `isWanted`, without temporary files and locks. */
export async function sendArchive(
  redis: Redis,
  key: string,
  directory: string,
  isWanted: (path: string) => boolean = () => true,
): Promise<void> {
  const manifest: Record<string, string> = {};
  const unfinished = `${key}:${randomUUID()}`;
  try {
    for (const path of await filesIn(directory)) {
      if (path.endsWith('.tmp') || isLockFile(path) || !isWanted(path)) continue;
      const content = await readFile(join(directory, path)).catch(unlessMissing);
      if (content === undefined) continue;
      manifest[path] = sha256(content);
      await redis.hset(unfinished, path, content);
      await redis.expire(unfinished, unfinishedSeconds);
    }
    await redis.hset(unfinished, manifestField, JSON.stringify(manifest));
    await redis.persist(unfinished);
    await redis.rename(unfinished, key);
  } catch (error) {
    // Would take the memory that the next attempt needs.
    await redis.unlink(unfinished).catch(() => {});
    throw error;
  }
}

/**
 * Replaces the directory by the archive's files; returns false and changes nothing if there is no archive.
 * Errors: `file-damaged`, naming a file whose checksum does not match.
 */
export async function receiveArchive(redis: Redis, key: string, directory: string): Promise<boolean> {
  const text = await redis.hget(key, manifestField);
  if (text === null) return false;
  const incoming = `${directory}.incoming`;
  await rm(incoming, { recursive: true, force: true });
  try {
    for (const [path, expected] of Object.entries(manifestSchema.parse(JSON.parse(text)))) {
      const content = await redis.hgetBuffer(key, path);
      if (content === null || sha256(content) !== expected) {
        throw new TexturaError('file-damaged', `${key}: ${path}: its checksum does not match`);
      }
      const target = join(incoming, path);
      if (relative(incoming, target).startsWith('..')) {
        throw new TexturaError('file-damaged', `${key}: ${path}: is outside the run's directory`);
      }
      await writeFileAtomically(target, content);
    }
    await rm(directory, { recursive: true, force: true });
    await rename(incoming, directory);
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
  return true;
}

async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
