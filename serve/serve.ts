/**
 * npm run serve: exported models behind HTTP. Ends on SIGINT or SIGTERM when what it has accepted is answered; with status 1 where a thread
 * that it needs is lost, so that whoever supervises it starts a whole one.
 */
import { setFlagsFromString } from 'node:v8';
import { pino } from 'pino';
import { printable } from '../model/words.ts';
import { type CommandDefinition, runCommand } from '../node/command-line.ts';
import { createApp } from './http/app.ts';
import { listen } from './http/server.ts';
import { createService } from './service.ts';
import { resolveSettings, type ServeOptions, serveOptions } from './settings.ts';

const definition: CommandDefinition<typeof serveOptions> = {
  name: 'serve',
  summary: 'Answers POST /classify with exported models. /openapi.json and /docs tell the rest.',
  options: serveOptions,
  run: serve,
};

/** A write for each line of the log would take a tenth of an answer's time; these are written when so much has gathered, or so long. */
const logBytes = 8192;
const logFlushMs = 250;

/**
 * What stays in the heap is small (some 20 MiB), and pictures in the memory beside it count as its growth: V8 would go through all of it
 * several times a second, which on few cores takes time from a run. It may grow by so many percent before that is done again.
 */
const heapGrowingPercent = 300;

async function serve(options: ServeOptions): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
  const settings = resolveSettings(options, process.env);
  const output = pino.destination({ sync: false, minLength: logBytes, periodicFlush: logFlushMs });
  // JSON leaves some characters as they are that command a terminal; their escapes are JSON too.
  const lines = { write: (line: string) => output.write(printable(line)) };
  const log = pino({ level: settings.logLevel, base: {}, timestamp: pino.stdTimeFunctions.isoTime }, lines);
  const service = await createService(settings, log);
  const server = await listen(createApp(service, settings, log), settings).catch(async (error: unknown) => {
    await service.close();
    throw error;
  });
  log.info({ address: server.address }, 'listening');
  const stop = stopSignal();
  await Promise.race([service.start(), stop, service.failure]);
  if (service.isReady()) log.info({ models: service.registry.list().map(({ name }) => name) }, 'ready');
  else log.warn(`${settings.models}: has no model that can be served; npm run export makes them`);
  const end = await Promise.race([stop, service.failure]);
  if (typeof end === 'string') log.info({ signal: end }, 'stopping');
  else log.fatal({ err: end }, 'stopping: a thread that computes is lost');
  service.drain();
  const { wasCut } = await server.close();
  await service.close();
  log.info(wasCut ? 'stopped; some answers were cut off' : 'stopped; every accepted request was answered');
  output.flushSync();
  if (typeof end !== 'string') throw end;
}

/** The first of the signals that ask for an end. A second one ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}

await runCommand(definition, process.argv.slice(2));
