/** Small Python wheels that pip installs, for tests of downloads. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProgram } from '../../node/program.ts';
import type { PinnedWheel } from '../../setup/cuda/wheels.ts';

/** Writes a wheel with `files`, text by name, to `folder`, and returns its description with the true hashes. */
export async function makeWheel(
  folder: string,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<PinnedWheel> {
  const version = '1.0.0';
  const stem = `${name.replaceAll('-', '_')}-${version}`;
  const tag = 'py3-none-manylinux2014_x86_64';
  const sources = join(folder, 'sources');
  const contents = {
    ...Object.fromEntries(Object.entries(files).map(([file, text]) => [`nvidia/lib/${file}`, text])),
    [`${stem}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${stem}.dist-info/WHEEL`]: `Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: ${tag}\n`,
    [`${stem}.dist-info/RECORD`]: '',
  };
  for (const [path, text] of Object.entries(contents)) {
    await mkdir(dirname(join(sources, path)), { recursive: true });
    await writeFile(join(sources, path), text);
  }
  const path = join(folder, `${stem}-${tag}.whl`);
  const args = ['-m', 'zipfile', '-c', path, 'nvidia', `${stem}.dist-info`];
  const { status, stderr } = await runProgram('python3', args, { cwd: sources });
  if (status !== 0) throw new Error(stderr);
  await rm(sources, { recursive: true });
  const bytes = await readFile(path);
  return {
    name,
    version,
    platform: 'manylinux2014_x86_64',
    bytes: bytes.length,
    sha256: sha256(bytes),
    folder: 'nvidia/lib',
    libraries: Object.entries(files).map(([file, text]) => ({
      name: file,
      bytes: Buffer.byteLength(text),
      sha256: sha256(text),
    })),
  };
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
