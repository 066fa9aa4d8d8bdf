/** The page as a browser gets it: built once, and served as plain files with a folder of models beside it. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
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

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
};

/** Sets headers of an answer, as middleware of Express does. */
export type Decorate = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** With these headers a browser lets the page have threads. */
export const isolated: Decorate = (_request, response, next) => {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  next();
};

/** Serves the page's folder at / and the models at /models/. Without `decorate` with no headers of its own, as a plain host does. */
export async function servePage(
  { page, models }: { readonly page: string; readonly models: string },
  decorate: Decorate = (_request, _response, next) => next(),
): Promise<PageServer> {
  const server = createServer((request, response) => {
    const answer = () => {
      const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
      const file = path.startsWith('/models/')
        ? join(models, path.slice('/models/'.length))
        : join(page, path === '/' ? 'index.html' : path);
      void stat(file).then(
        ({ size }) => {
          response.setHeader('Content-Type', contentTypes[extname(file)] ?? 'application/octet-stream');
          response.setHeader('Content-Length', size);
          createReadStream(file).pipe(response);
        },
        () => response.writeHead(404).end(),
      );
    };
    decorate(request, response, answer);
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
