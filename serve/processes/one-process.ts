/**
 * `npm run serve` in one process. On SIGINT or SIGTERM it answers every accepted request, then exits.
 */
import type { Logger } from 'pino';
import { exitSoon, stopSignal } from '../../node/stop-signal.ts';
import { createApp } from '../http/app.ts';
import { listen, type RunningServer } from '../http/server.ts';
import { openLog, stopText } from '../log.ts';
import { missingModels } from '../registry/model-folder.ts';
import type { SandboxCheck } from '../registry/sandbox-check.ts';
import { createService, type Service } from '../service.ts';
import { resolveSettings, type ServeOptions } from '../settings.ts';

/**
 * Serves until a stop signal. `firstCheck` checks the models that are there at the start. Errors: `usage` if
 * it cannot listen; `internal` if a lost thread cannot be replaced, so that a supervisor starts it again.
 */
export async function serveInOneProcess(options: ServeOptions, firstCheck: SandboxCheck): Promise<void> {
  const settings = resolveSettings(options, process.env);
  const { log, flush } = openLog(settings);
  const stop = stopSignal();
  let service: Service | undefined;
  let server: RunningServer | undefined;
  try {
    service = await createService(settings, log, { firstCheck });
    server = await listen(createApp(service, settings, log), settings);
    log.info({ address: server.address }, 'listening');
    const early = await Promise.race([service.start(), stop, service.failure]);
    if (early !== undefined) log.warn('stopped before the models were loaded');
    else if (service.isReady())
      log.info({ models: service.registry.list().map(({ name }) => name) }, 'ready');
    else log.warn(await missingModels(settings.models));
    const end = await Promise.race([stop, service.failure]);
    if (typeof end !== 'string') throw end;
    log.info({ signal: end }, 'stopping');
  } catch (error) {
    if (server !== undefined) log.fatal({ err: error }, 'stopping after a fault');
    throw error;
  } finally {
    await close(service, server, log);
    await flush();
    exitSoon();
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
