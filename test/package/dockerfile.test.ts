/** The Dockerfile, read and not built. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../../package/compile.ts';

const read = (file: string) => readFileSync(join(repository, file), 'utf8');

/** The instructions with their arguments; continued lines are joined. */
const instructions = read('Dockerfile')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

test('the image has a fixed version of Node, another user than root, a health check and the program of the package', () => {
  const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));
  expect(instructions.filter((line) => line.startsWith('FROM '))).toEqual([
    'FROM node:22-bookworm-slim AS build',
    'FROM node:22-bookworm-slim',
  ]);
  expect(last).toContain('USER node');
  expect(last.filter((line) => line.startsWith('RUN '))).toEqual([]);
  expect(last.find((line) => line.startsWith('HEALTHCHECK '))).toMatch(
    /fetch\('http:\/\/127\.0\.0\.1:8080\/readyz'\)/,
  );
  const { bin } = JSON.parse(read('package.json')) as { readonly bin: { readonly textura: string } };
  const program = `/textura/node_modules/textura/${bin.textura}`;
  expect(last).toContain(`ENTRYPOINT ${JSON.stringify(['node', program]).replace(',', ', ')}`);
});

test('the build gets what the package is made of', () => {
  const ignored = read('.dockerignore').trim().split('\n');
  const needed = [
    'package.json',
    'package-lock.json',
    '.npmrc',
    'web-demo',
    'package',
    'model',
    'serve',
    'tsconfig.json',
  ];
  for (const file of needed) {
    expect(existsSync(join(repository, file)), file).toBe(true);
    expect(ignored).not.toContain(file);
  }
});
