/** npm run docs: serves the documentation site; each request for a page reads the Markdown files again. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { z } from 'zod';
import { messageOf, TexturaError } from '../../model/error.ts';
import { runCommand } from '../../node/command-line.ts';
import { type SiteFile, siteFiles } from './site.ts';

const options = z.strictObject({
  port: z.int().min(0).max(65_535).default(4174).describe('port on localhost'),
});

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
};

async function serveSite({ port }: z.infer<typeof options>): Promise<void> {
  let files = await siteFiles();
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1) || 'index.html';
    try {
      if (path.endsWith('.html')) files = await siteFiles();
      const file = files.find((candidate) => candidate.path === path);
      if (file === undefined) {
        response.writeHead(404, { 'Content-Type': 'text/plain' }).end(`There is no ${path}.\n`);
        return;
      }
      const type = types[extname(path)] ?? 'text/plain; charset=utf-8';
      response.writeHead(200, { 'Content-Type': type }).end(await contentOf(file));
    } catch (error) {
      const message = messageOf(error);
      process.stderr.write(`${message}\n`);
      response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
    }
  });
  await once(server.listen(port, '127.0.0.1'), 'listening').catch((cause: unknown) => {
    const why = `--port ${port}: ${messageOf(cause)}; choose another port`;
    throw new TexturaError('usage', why, { cause });
  });
  const { port: opened } = server.address() as AddressInfo;
  process.stdout.write(`Documentation: http://127.0.0.1:${opened} (Ctrl-C stops)\n`);
}

async function contentOf({ content }: SiteFile): Promise<string | Uint8Array> {
  return typeof content === 'string' ? content : readFile(content.copyOf);
}

await runCommand(
  { name: 'docs', summary: 'Serves the documentation site.', options, run: serveSite },
  process.argv.slice(2),
);
