/**
 * A reverse proxy that serves another server under a path and strips that path, as nginx does with a
 * `proxy_pass` that ends in `/`, and as Traefik does, with `X-Forwarded-Prefix`.
 */
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PrefixProxy {
  /** `http://127.0.0.1:PORT/tools/textura` */
  readonly address: string;
  close(): void;
}

/** Everything that is not under the prefix is answered 502. */
export async function proxyUnderPrefix(target: string, prefix = '/tools/textura'): Promise<PrefixProxy> {
  const { hostname, port } = new URL(target);
  const server = createServer((request, response) => {
    const { url = '', method } = request;
    const headers = { ...request.headers, 'x-forwarded-prefix': prefix };
    if (!url.startsWith(`${prefix}/`)) return void response.writeHead(502).end('not under the prefix');
    const forwarded = ask({ hostname, port, path: url.slice(prefix.length), method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${own}${prefix}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
