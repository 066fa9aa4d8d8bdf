/** The built page and a folder of models, served as static files to the browsers of tests and benchmarks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { runProgram } from '../../node/program.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the page into a temporary folder, as `npm run build` does. */
export async function buildPage(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-page-'));
  const vite = join(repository, 'node_modules/vite/bin/vite.js');
  const args = [vite, 'build', 'web-demo', '--outDir', folder, '--emptyOutDir', '--logLevel', 'error'];
  const { status, stderr } = await runProgram(process.execPath, args, {
    cwd: repository,
    env: { NODE_ENV: undefined },
  });
  if (status !== 0) throw new Error(`the build of the page failed: ${stderr}`);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface PageServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Express middleware that sets headers of a response. */
export type Decorate = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Cross-origin isolation: with these headers a page may use threads. */
export const isolated: Decorate = (_request, response, next) => {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  next();
};

/**
 * Serves the page at / and the models at /models/, both below `prefix`. `decorate` adds headers; by default
 * there are none.
 */
export async function startPageServer(
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

/**
 * Express's static middleware, which never leaves the folder. It works without an Express application,
 * against its types.
 */
function filesOf(folder: string): Decorate {
  return express.static(folder, { redirect: false }) as unknown as Decorate;
}
