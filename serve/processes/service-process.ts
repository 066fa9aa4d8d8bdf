/**
 * One of the processes of `npm run serve -- --processes N`: the same service as in a single process, with
 * what all share behind the primary process (`primary.ts`).
 */
import type { Logger } from 'pino';
import { faultOf, traceOf } from '../../model/error.ts';
import { deferred } from '../../node/promises.ts';
import { exitSoon, stopSignal } from '../../node/stop-signal.ts';
import { terminalOn } from '../../node/terminal.ts';
import { createApp } from '../http/app.ts';
import { type ConnectionServer, serveConnections } from '../http/server.ts';
import { openLog } from '../log.ts';
import { requirePassed } from '../registry/sandbox-check.ts';
import { createService, type Service, type SharedService } from '../service.ts';
import { metricValuesOf } from './combined-metrics.ts';
import { Link, type PrimaryRequests, type ProcessRequests } from './link.ts';

type PrimaryLink = Link<PrimaryRequests, ProcessRequests>;

/** The primary process asks the other processes, for a second at most. */
const answerLimitMs = 5000;

async function main(): Promise<void> {
  const { promise: stopping, resolve: stop } = deferred<NodeJS.Signals | 'lost'>();
  let service: Service | undefined;
  let server: ConnectionServer | undefined;
  const link: PrimaryLink = new Link<PrimaryRequests, ProcessRequests>(process, {
    connection: (_request, socket) => {
      // Without a socket, the client has already disconnected.
      if (socket === undefined) return true;
      if (server?.take(socket)) return true;
      socket.destroy();
      return false;
    },
    scan: async () => {
      // This process starts its first scan itself.
      if (service?.registry.hasScanned) await service.registry.refresh();
      return null;
    },
    isReady: () => service?.isReady() ?? false,
    metrics: () => (service === undefined ? [] : metricValuesOf(service.metrics.registry)),
    stop: (signal) => {
      stop(signal);
      return null;
    },
  });
  // Ctrl-C reaches every process of the terminal.
  stopSignal().then(stop);
  process.on('disconnect', () => stop('lost'));
  const { process: number, settings, opensAtOnce } = await link.ask('begin', null);
  const { log, flush } = openLog(settings, 1, number);
  let fault: unknown;
  try {
    service = await createService(settings, log, { shared: sharedThrough(link, log) });
    server = serveConnections(createApp(service, settings, log), settings);
    if (opensAtOnce) await link.ask('open', null);
    const early = await Promise.race([service.start(), stopping, service.failure]);
    if (early === undefined) {
      if (!opensAtOnce) await link.ask('open', null);
      await link.ask('serving', { models: service.registry.list().map(({ name }) => name) });
    }
    const end = await Promise.race([stopping, service.failure]);
    if (typeof end !== 'string') throw end;
    if (end === 'lost') log.error('the primary process has ended; stopping');
  } catch (error) {
    fault = error;
    log.fatal({ err: error }, 'stopping after a fault');
  }
  service?.drain();
  const end = await server?.close(() => link.ask('closing', null).catch(() => {}));
  await service?.close();
  const metrics = service === undefined ? [] : await metricValuesOf(service.metrics.registry);
  const report = { wasCut: end?.wasCut ?? false, metrics };
  await link
    .ask('stopped', fault === undefined ? report : { ...report, fault: faultOf(fault) })
    .catch(() => {});
  await flush();
  if (fault !== undefined) process.exitCode = 1;
  if (process.connected) process.disconnect();
  exitSoon();
}

function sharedThrough(link: PrimaryLink, log: Logger): SharedService {
  return {
    openCheck: () => ({
      run: async (request) => requirePassed(await link.ask('check', request)),
      close: () => {},
    }),
    onModelChange: () => void link.ask('changed', null).catch(() => {}),
    note: (sentence, level = 'info') =>
      void link.ask('note', { sentence, level }).catch(() => log[level](sentence)),
    isReady: () => link.ask('isServiceReady', null, { limitMs: answerLimitMs }).catch(() => false),
    metricsText: () => link.ask('serviceMetrics', null, { limitMs: answerLimitMs }),
  };
}

await main().catch((error: unknown) => {
  terminalOn(process.stderr).line(traceOf(error));
  process.exit(1);
});
