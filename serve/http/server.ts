/** The HTTP server under the app: its limits, answers to what is not HTTP, and an end that loses nothing. */
import {
  createServer,
  maxHeaderSize,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../../model/error.ts';
import { problemMediaType } from '../../model/service.ts';
import type { ServeSettings } from '../settings.ts';
import { problemOf } from './problem.ts';

/**
 * Longer than proxies keep a connection, so that they close it and not the service while a request is on its
 * way.
 */
const keepAliveTimeoutMs = 65_000;
const idleMomentMs = 200;
/** Time between two interim answers. The second one reveals that a client has left. */
const probeMs = 50;

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly address: string;
  /**
   * Tells clients to leave, stops listening, and answers what was accepted. What isn't answered within
   * `shutdownMs` is cut; gives whether that was needed.
   */
  close(): Promise<{ readonly wasCut: boolean }>;
}

/** Errors: `usage` where the address can't be listened on. */
export async function listen(app: RequestListener, settings: ServeSettings): Promise<RunningServer> {
  const { host, port, headersTimeoutMs, uploadTimeoutMs, maxConnections, drainMs, shutdownMs } = settings;
  let isClosing = false;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    // Its own clock for a body ends first and answers in its own words.
    requestTimeout: uploadTimeoutMs + headersTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, headersTimeoutMs),
    noDelay: true,
  });
  const open = new Set<ServerResponse>();
  const answer: RequestListener = (request, response) => {
    open.add(response);
    response.on('close', () => open.delete(response));
    if (isClosing) response.setHeader('Connection', 'close');
    app(request, response);
  };
  // 100 Continue is sent by the route that reads the body, so that it can refuse a body before it is sent.
  server.on('request', answer).on('checkContinue', answer);
  server.maxConnections = maxConnections;
  server.maxHeadersCount = 100;
  server.on('clientError', answerClientError);
  await startListening(server, host, port);
  const probing = answerHalfClosed(server, open);
  const { address, port: bound, family } = server.address() as AddressInfo;
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    async close() {
      isClosing = true;
      await sleep(drainMs);
      const closed = stopAccepting(server);
      let wasCut = false;
      const last = setTimeout(() => {
        wasCut = true;
        server.closeAllConnections();
      }, shutdownMs);
      // A connection without a request may have one on its way: it gets a moment.
      const idle = setInterval(() => server.closeIdleConnections(), idleMomentMs);
      await closed;
      clearInterval(probing);
      clearTimeout(last);
      clearInterval(idle);
      return { wasCut };
    },
  };
}

/**
 * Answers clients that close their half of the connection after a complete request. A client that has left
 * looks the same until something is sent to it. So these clients are sent `100 Continue`, which HTTP/1.1
 * allows at any time: if nobody is there, the write fails and the request is abandoned.
 */
function answerHalfClosed(server: Server, open: ReadonlySet<ServerResponse>): NodeJS.Timeout {
  // A property of Node's server that its documentation and types leave out.
  Object.assign(server, { httpAllowHalfOpen: true });
  return setInterval(() => {
    for (const response of open) {
      const { req: request, headersSent } = response;
      if (request.socket.readableEnded && !headersSent && request.httpVersion === '1.1')
        response.writeContinue();
    }
  }, probeMs).unref();
}

/**
 * Ends when the last connection has. The close of net alone: that of http would also cut connections on which
 * a request is on its way.
 */
function stopAccepting(server: Server): Promise<void> {
  return new Promise((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
}

function startListening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'something else listens there' : cause.message;
      reject(new TexturaError('usage', `--host ${host} --port ${port}: cannot listen: ${why}`, { cause }));
    });
    server.listen(port, host, () => resolve());
  });
}

/** What is not HTTP, or too slow, or has too many headers, is answered and its connection closed. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const fault = clientFault(error.code);
  const body = JSON.stringify(problemOf(fault, 'none'));
  const head = [
    `HTTP/1.1 ${fault.httpStatus} ${STATUS_CODES[fault.httpStatus]}`,
    `Content-Type: ${problemMediaType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function clientFault(code: string | undefined): TexturaError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new TexturaError('upload-timeout', 'request: expected all of it in time, got a part');
    case 'HPE_INVALID_EOF_STATE':
      return new TexturaError('usage', 'request: the connection was closed before all of it was sent');
    case 'HPE_HEADER_OVERFLOW':
      return new TexturaError(
        'usage',
        `request: expected headers of ${maxHeaderSize} bytes or less, got more`,
      );
    default:
      return new TexturaError('usage', 'request: expected HTTP/1.1, got something else');
  }
}
