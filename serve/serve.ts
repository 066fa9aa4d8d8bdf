/**
 * npm run serve: serves exported models over HTTP. On SIGINT or SIGTERM it answers every accepted request,
 * then exits. It exits with status 1 if a lost thread cannot be replaced, so that a supervisor restarts it.
 */
import type { Logger } from 'pino';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { stopSignal } from '../node/stop-signal.ts';
import { createApp } from './http/app.ts';
import { listen, type RunningServer } from './http/server.ts';
import { openLog, stopText } from './log.ts';
import { serveByProcesses } from './processes/primary.ts';
import { createService, type Service } from './service.ts';
import { missingModels, resolveSettings, type ServeOptions, serveOptions } from './settings.ts';

export const command: CommandDefinition<typeof serveOptions> = {
  name: 'serve',
  summary:
    'Serves exported models over HTTP: POST /classify and the other routes in /openapi.json and /docs.',
  options: serveOptions,
  configurable: serveOptions.keyof().options,
  groups: {
    Models: ['models', 'reloadIntervalMs', 'maxModelBytes'],
    Address: ['host', 'port', 'allowOrigin', 'trustProxyHops', 'maxConnections'],
    Computing: [
      'processes',
      'device',
      'inferenceWorkers',
      'inferenceThreads',
      'decodeThreads',
      'batchPatches',
      'largeBatchPatches',
      'gatherPatches',
    ],
    'Limits of requests': [
      'queueImages',
      'deadlineMs',
      'maxImages',
      'maxImagePixels',
      'maxUploadBytes',
      'maxBufferedBytes',
      'headersTimeoutMs',
      'uploadTimeoutMs',
      'uploadStallMs',
    ],
    'Shutdown and log': ['drainMs', 'shutdownMs', 'logLevel', 'logFormat'],
  },
  run: serve,
};

/** After shutdown the process exits by itself; if something keeps it alive, it is ended after this time. */
const lingerMs = 5000;

async function serve(options: ServeOptions): Promise<void> {
  if (options.processes > 1) return serveByProcesses(options);
  const settings = resolveSettings(options, process.env);
  const { log, flush } = openLog(settings);
  const stop = stopSignal();
  let service: Service | undefined;
  let server: RunningServer | undefined;
  try {
    service = await createService(settings, log);
    server = await listen(createApp(service, settings, log), settings);
    log.info({ address: server.address }, 'listening');
    const early = await Promise.race([service.start(), stop, service.failure]);
    if (early !== undefined) log.warn('stopped before the models were loaded');
    else if (service.isReady())
      log.info({ models: service.registry.list().map(({ name }) => name) }, 'ready');
    else log.warn(missingModels(settings));
    const end = await Promise.race([stop, service.failure]);
    if (typeof end !== 'string') throw end;
    log.info({ signal: end }, 'stopping');
  } catch (error) {
    if (server !== undefined) log.fatal({ err: error }, 'stopping after a fault');
    throw error;
  } finally {
    await close(service, server, log);
    await flush();
    setTimeout(() => process.exit(), lingerMs).unref();
  }
}

/** Answers the accepted requests, then ends the threads. */
async function close(
  service: Service | undefined,
  server: RunningServer | undefined,
  log: Logger,
): Promise<void> {
  service?.drain();
  const end = await server?.close();
  await service?.close();
  if (end !== undefined) log.info(stopText(end.wasCut));
}

await runIfMain(command, import.meta.url);
