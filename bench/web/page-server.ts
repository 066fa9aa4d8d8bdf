/** The page as a browser gets it: built once, and served as plain files with a folder of models beside it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { runProgram } from '../../node/program.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the page into a folder of its own, as `npm run build` does. */
export async function buildPage(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-page-'));
  const vite = join(repository, 'node_modules/vite/bin/vite.js');
  const args = [vite, 'build', 'web-demo', '--outDir', folder, '--emptyOutDir', '--logLevel', 'error'];
  const { status, stderr } = await runProgram(process.execPath, args, {
    cwd: repository,
    env: { NODE_ENV: undefined },
  });
  if (status !== 0) throw new Error(`the page does not build: ${stderr}`);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface PageServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Sets headers of an answer, as middleware of Express does. */
export type Decorate = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** With these headers a browser lets the page have threads. */
export const isolated: Decorate = (_request, response, next) => {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  next();
};

/**
 * Serves the page's folder at / and the models at /models/, both below `prefix`. Without `decorate` with no headers of its own, as a
 * plain host does.
 */
export async function servePage(
  { page, models, prefix = '' }: { readonly page: string; readonly models: string; readonly prefix?: string },
  decorate: Decorate = (_request, _response, next) => next(),
): Promise<PageServer> {
  const pageFiles = filesOf(page);
  const modelFiles = filesOf(models);
  const server = createServer((request, response) => {
    const missing = () => void response.writeHead(404).end();
    const { url = '/' } = request;
    decorate(request, response, () => {
      if (!url.startsWith(`${prefix}/`)) return missing();
      request.url = url.slice(prefix.length);
      if (!request.url.startsWith('/models/')) return pageFiles(request, response, missing);
      request.url = request.url.slice('/models'.length);
      modelFiles(request, response, missing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://localhost:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** It stays in the folder, whatever an address says. Its types are those of Express, but it needs no application. */
function filesOf(folder: string): Decorate {
  return express.static(folder, { redirect: false }) as unknown as Decorate;
}
