/** The HTTP server under the app: limits, answers to malformed HTTP, and a graceful shutdown. */
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
import { deferred } from '../../node/promises.ts';
import type { ServeSettings } from '../settings.ts';
import { problemOf, refusedLingerMs } from './problem.ts';

/**
 * Longer than proxies keep idle connections, so that the service never closes one just as a request arrives.
 */
const keepAliveTimeoutMs = 65_000;
const idleMomentMs = 200;
/** Interval of interim responses. The second one reveals that a client has disconnected. */
const probeMs = 50;

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly address: string;
  /**
   * Sends `Connection: close`, stops listening, and answers the accepted requests. After `shutdownMs` it
   * closes the remaining connections and returns `wasCut: true`.
   */
  close(): Promise<{ readonly wasCut: boolean }>;
}

/** Errors: `usage` if it cannot listen on the address. */
export async function listen(app: RequestListener, settings: ServeSettings): Promise<RunningServer> {
  const { server, close } = httpServer(app, settings);
  server.maxConnections = settings.maxConnections;
  const address = await startListening(server, settings);
  return { address, close: () => close(() => stopAccepting(server)) };
}

/** A server for connections that another process has accepted. */
export interface ConnectionServer {
  /** Answers the requests of a connection. False if there are too many connections. */
  take(socket: Socket): boolean;
  /** As that of `RunningServer`; after `stopSending` no connection arrives. */
  close(stopSending: () => Promise<unknown>): Promise<{ readonly wasCut: boolean }>;
}

export function serveConnections(app: RequestListener, settings: ServeSettings): ConnectionServer {
  const { server, close } = httpServer(app, settings);
  const sockets = new Set<Socket>();
  const ended = deferred<void>();
  let isLast = false;
  // Node starts to check the time limits of headers and requests when the server listens.
  server.emit('listening');
  return {
    take(socket) {
      if (sockets.size >= settings.maxConnections) return false;
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        if (isLast && sockets.size === 0) ended.resolve();
      });
      // As Node's server does with its own connections.
      socket.allowHalfOpen = true;
      socket.setNoDelay(true);
      server.emit('connection', socket);
      return true;
    },
    close: (stopSending) =>
      close(async () => {
        await stopSending();
        isLast = true;
        if (sockets.size > 0) await ended.promise;
      }),
  };
}

function httpServer(app: RequestListener, settings: ServeSettings) {
  const { headersTimeoutMs, uploadTimeoutMs, drainMs, shutdownMs } = settings;
  let isClosing = false;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    // After the connection of a body that timed out is closed: the route has answered it with a better message.
    requestTimeout: headersTimeoutMs + uploadTimeoutMs + refusedLingerMs,
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
  // The route that reads the body sends 100 Continue, so that it can refuse a body before it is sent.
  server.on('request', answer).on('checkContinue', answer);
  server.maxHeadersCount = 100;
  server.on('clientError', answerClientError);
  const probing = answerHalfClosed(server, open);
  /** `stop` stops accepting connections and resolves when the last one has ended. */
  const close = async (stop: () => Promise<void>) => {
    isClosing = true;
    await sleep(drainMs);
    const closed = stop();
    let wasCut = false;
    const last = setTimeout(() => {
      wasCut = true;
      server.closeAllConnections();
    }, shutdownMs);
    // Not at once: a request may be about to arrive on an idle connection.
    const idle = setInterval(() => server.closeIdleConnections(), idleMomentMs);
    await closed;
    clearInterval(probing);
    clearTimeout(last);
    clearInterval(idle);
    return { wasCut };
  };
  return { server, close };
}

/**
 * Answers clients that close their half of the connection after a complete request. A client that has
 * disconnected looks the same until the server writes to it, so it writes `100 Continue`, which HTTP/1.1
 * allows at any time: if the client is gone, the write fails and the request is cancelled.
 */
function answerHalfClosed(server: Server, open: ReadonlySet<ServerResponse>): NodeJS.Timeout {
  // A property of Node's server that is missing from its documentation and types.
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
 * Resolves when the last connection has ended. Calls the close of net: that of http also closes connections
 * that are idle now.
 */
function stopAccepting(server: Server): Promise<void> {
  return new Promise((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
}

/** Returns the address, e.g. `http://127.0.0.1:8080`. Errors: `usage`. */
export function startListening(
  server: NetServer,
  { host, port }: Pick<ServeSettings, 'host' | 'port'>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message;
      reject(new TexturaError('usage', `--host ${host} --port ${port}: cannot listen: ${why}`, { cause }));
    });
    server.listen(port, host, () => {
      const { address, port: bound, family } = server.address() as AddressInfo;
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`);
    });
  });
}

/** Answers malformed or slow requests and those with too many headers, and closes the connection. */
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
      return new TexturaError('upload-timeout', 'request: timed out before it was complete');
    case 'HPE_INVALID_EOF_STATE':
      return new TexturaError('usage', 'request: the connection was closed before it was complete');
    case 'HPE_HEADER_OVERFLOW':
      return new TexturaError('usage', `request: the headers are longer than ${maxHeaderSize} bytes`);
    default:
      return new TexturaError('usage', 'request: not valid HTTP/1.1');
  }
}
