/** Serves the built page at /, or instructions to build it. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import express, { type Express } from 'express';
import { productFile } from '../../node/own-module.ts';
import { exchangeOf } from './exchange.ts';

export const builtPage = productFile('dist/web');

/** Cache time of files whose names contain a hash. */
const yearSeconds = 365 * 24 * 3600;

export function addPageRoutes(app: Express, folder: string): void {
  app.get('/', (_request, response, next) => {
    exchangeOf(response).route = '/';
    if (existsSync(join(folder, 'index.html'))) return next();
    response.type('text/html').send(notBuilt);
  });
  const assets = resolve(folder, 'assets');
  app.use(
    express.static(folder, {
      dotfiles: 'ignore',
      redirect: false,
      setHeaders(response, path) {
        const isHashed = /[-.][\w-]{8,}\.\w+$/.test(path) && dirname(path) === assets;
        response.setHeader(
          'Cache-Control',
          isHashed ? `public, max-age=${yearSeconds}, immutable` : 'no-cache',
        );
      },
    }),
  );
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Textura</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
</style>
<h1>The Textura service is running</h1>
<p>The page has not been built yet. Run <code>npm run build</code> and reload.</p>
<p><a href="docs">API documentation</a> · <a href="models">Models</a></p>
</html>
`;
