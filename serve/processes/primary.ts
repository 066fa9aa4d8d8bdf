/**
 * `npm run serve -- --processes N`: the primary process. It accepts connections and gives them to N processes
 * that serve, replaces a process that ends, and does what must be done once: checking model files, combining
 * metrics, deciding whether the service is ready, and stopping all processes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { TexturaError } from '../../model/error.ts';
import { startable } from '../../node/own-module.ts';
import { type Deferred, deferred } from '../../node/promises.ts';
import { exitSoon, onStopSignal } from '../../node/stop-signal.ts';
import { startListening } from '../http/server.ts';
import { openLog, stopText } from '../log.ts';
import { missingModels } from '../registry/model-folder.ts';
import { type ServeOptions, type ServeSettings, settingsOfProcess } from '../settings.ts';
import { CombinedMetrics } from './combined-metrics.ts';
import { Distributor, type Taker } from './distributor.ts';
import { type Handlers, Link, type PrimaryRequests, type ProcessRequests, type StopReport } from './link.ts';
import { SharedCheck } from './shared-check.ts';

/** A process that served for this long does not end because of its start. */
const steadyMs = 10_000;
const firstDelayMs = 500;
const maxDelayMs = 30_000;
/** Processes in a row that may end before they serve, if no other one serves. */
const maxFailedStarts = 5;
/** A process that takes longer to answer is not ready, and its latest metrics are used. */
const answerLimitMs = 1000;
/** Beyond the time limits of a stop; then a process is killed. */
const graceMs = 10_000;

/** Returns after a stop signal. Errors: `usage` if it cannot listen; `internal` if no process can be started. */
export async function serveByProcesses(options: ServeOptions): Promise<void> {
  const settings = settingsOfProcess(options, process.env);
  const { log, flush } = openLog(settings);
  const stop = deferred<NodeJS.Signals>();
  const primary = new Primary(settings, options.maxConnections, log);
  onStopSignal(stop.resolve, () => primary.kill());
  try {
    log.info({ address: await primary.listen(), processes: settings.processes }, 'listening');
    const early = await Promise.race([primary.start(), stop.promise, primary.failure]);
    if (typeof early === 'string') log.warn('stopped before the models were loaded');
    const end = await Promise.race([stop.promise, primary.failure]);
    if (typeof end !== 'string') throw end;
    log.info({ signal: end }, 'stopping');
  } catch (error) {
    if (primary.isListening) log.fatal({ err: error }, 'stopping after a fault');
    throw error;
  } finally {
    await primary.close();
    await flush();
    exitSoon();
  }
}

/** One of the N processes, and those that replace it. */
interface Place {
  readonly number: number;
  /** When its first process serves, or has ended. */
  readonly settled: Deferred<void>;
  current?: RunningProcess;
}

interface RunningProcess extends Taker {
  readonly child: ChildProcess;
  readonly link: Link<ProcessRequests, PrimaryRequests>;
  /** Names of the models that it had at first; undefined until it serves. */
  models?: readonly string[];
  servingSince?: number;
  report?: StopReport;
}

class Primary {
  /** Settles when no process serves and none can be started. */
  readonly failure: Promise<TexturaError>;
  readonly #fail: (fault: TexturaError) => void;
  readonly #settings: ServeSettings;
  readonly #log: Logger;
  readonly #places: readonly Place[];
  readonly #distributor: Distributor;
  readonly #server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  readonly #check = new SharedCheck();
  readonly #metrics = new CombinedMetrics(() => this.#serving().length);
  /** How often each process gave a note, by its sentence and the number of the process. */
  readonly #notes = new Map<string, Map<number, number>>();
  readonly #stopping = new AbortController();
  readonly #kept: Promise<void>[] = [];
  #scanTimer: NodeJS.Timeout | undefined;
  #hasStarted = false;
  #failedStarts = 0;

  constructor(settings: ServeSettings, maxConnections: number, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    this.#places = Array.from({ length: settings.processes }, (_, i) => ({
      number: i + 1,
      settled: deferred<void>(),
    }));
    this.#distributor = new Distributor(maxConnections);
    this.#server.on('connection', (socket) => this.#distributor.accept(socket));
    ({ promise: this.failure, resolve: this.#fail } = deferred<TexturaError>());
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Returns the address. Errors: `usage`. */
  listen(): Promise<string> {
    return startListening(this.#server, this.#settings);
  }

  /** Starts the processes. Resolves when all serve. */
  async start(): Promise<void> {
    this.#kept.push(...this.#places.map((place) => this.#keep(place)));
    await Promise.all(this.#places.map(({ settled }) => settled.promise));
    if (this.#stopping.signal.aborted) return;
    this.#hasStarted = true;
    this.#scanTimer = setInterval(() => this.#scan(), this.#settings.reloadIntervalMs);
    const [models = []] = this.#serving().map((running) => running.models ?? []);
    if (models.length > 0) this.#log.info({ models }, 'ready');
    else this.#log.warn(await missingModels(this.#settings.models));
  }

  /** Stops all processes: each answers its accepted requests. */
  async close(): Promise<void> {
    const { drainMs, shutdownMs } = this.#settings;
    const wasListening = this.isListening;
    const serving = this.#serving();
    this.#stopping.abort();
    clearInterval(this.#scanTimer);
    const last = setTimeout(() => this.kill(), drainMs + shutdownMs + graceMs);
    for (const { current } of this.#places) current?.link.ask('stop', 'SIGTERM').catch(() => {});
    await Promise.all(this.#kept);
    clearTimeout(last);
    this.#stopAccepting();
    this.#check.close();
    if (wasListening) this.#log.info(stopText(serving.some(({ report }) => report?.wasCut ?? true)));
  }

  /** Ends all processes at once. */
  kill(): void {
    for (const { current } of this.#places) current?.child.kill('SIGKILL');
  }

  #serving(): readonly RunningProcess[] {
    return this.#places.flatMap(({ current }) => (current?.servingSince === undefined ? [] : [current]));
  }

  #stopAccepting(): void {
    if (this.isListening) this.#server.close();
    this.#distributor.close();
  }

  /** Runs one process after another until the service stops. */
  async #keep(place: Place): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; ; ) {
      const { how, servedMs, pid, fault } = await this.#run(place);
      place.settled.resolve();
      if (signal.aborted) return;
      this.#metrics.countLost();
      failures = servedMs > steadyMs ? 0 : failures + 1;
      const delayMs = failures === 0 ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** (failures - 1));
      const sentence = 'a process was lost; a new one replaces it';
      this.#log.error({ process: place.number, pid, end: how, delayMs, fault: fault?.message }, sentence);
      if (servedMs === 0) this.#failedStarts++;
      if (this.#failedStarts >= maxFailedStarts && this.#serving().length === 0) {
        const why = `no process can be started: ${fault?.message ?? how}`;
        return this.#fail(new TexturaError(fault?.code ?? 'internal', why));
      }
      await sleep(delayMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
    }
  }

  /** Runs one process to its end. */
  async #run(place: Place) {
    const { url, execArgv } = startable(new URL('./service-process.ts', import.meta.url));
    const child = fork(fileURLToPath(url), [], { execArgv: [...execArgv] });
    const link = new Link<ProcessRequests, PrimaryRequests>(child, this.#handlers(place));
    const running: RunningProcess = {
      child,
      link,
      take: (socket) => link.ask('connection', null, { socket }),
    };
    place.current = running;
    let servedMs = 0;
    const leave = () => {
      if (running.servingSince !== undefined)
        servedMs = Math.max(1, performance.now() - running.servingSince);
      delete running.servingSince;
      this.#distributor.remove(running);
    };
    child.on('disconnect', leave);
    const how = await new Promise<string>((resolve) => {
      child.on('exit', (code, signal) => resolve(signal ?? `status ${code}`));
      child.on('error', (error) => {
        // With an id it was started; then a message could not be sent, and the process goes on or ends.
        if (child.pid === undefined) resolve(error.message);
      });
    });
    leave();
    link.cut();
    delete place.current;
    await this.#metrics.retire(place.number);
    return { how, servedMs, pid: child.pid, fault: running.report?.fault };
  }

  #handlers(place: Place): Handlers<PrimaryRequests> {
    return {
      begin: () => ({
        process: place.number,
        settings: this.#settings,
        opensAtOnce: !this.#hasStarted,
      }),
      open: () => {
        if (place.current !== undefined) this.#distributor.add(place.current);
        return null;
      },
      closing: () => {
        if (place.current !== undefined) this.#distributor.remove(place.current);
        if (this.#stopping.signal.aborted) this.#stopAccepting();
        return null;
      },
      serving: ({ models }) => {
        const { current } = place;
        if (current !== undefined) Object.assign(current, { models, servingSince: performance.now() });
        this.#failedStarts = 0;
        place.settled.resolve();
        return null;
      },
      changed: () => {
        this.#scan(place);
        return null;
      },
      note: ({ sentence, level }) => {
        if (this.#isNew(sentence, place.number)) this.#log[level]({ process: place.number }, sentence);
        return null;
      },
      check: (request) => this.#check.answer(request, () => this.#scan(place)),
      isServiceReady: () => this.#isReady(),
      serviceMetrics: async () => {
        await this.#collectMetrics();
        return this.#metrics.text();
      },
      stopped: (report) => {
        if (place.current !== undefined) place.current.report = report;
        this.#metrics.update(place.number, report.metrics);
        return null;
      },
    };
  }

  /** Whether no other process has given the note as often: all find the same models and the same faults. */
  #isNew(sentence: string, number: number): boolean {
    const counts = this.#notes.get(sentence) ?? new Map<number, number>();
    const count = (counts.get(number) ?? 0) + 1;
    const isNew = count > Math.max(0, ...counts.values());
    this.#notes.set(sentence, counts.set(number, count));
    return isNew;
  }

  /** Lets the processes look at the folder of models: all at the same time, so that they serve the same. */
  #scan(except?: Place): void {
    for (const place of this.#places) {
      const { current } = place;
      if (place === except || current?.servingSince === undefined) continue;
      current.link.ask('scan', null).catch(() => {});
    }
  }

  /** Whether every process that serves is ready. One that is being replaced gets no connections. */
  async #isReady(): Promise<boolean> {
    if (!this.#hasStarted || this.#stopping.signal.aborted) return false;
    const answers = await Promise.all(
      this.#serving().map((running) =>
        running.link
          .ask('isReady', null, { limitMs: answerLimitMs })
          .catch(() => running.servingSince === undefined),
      ),
    );
    return answers.every(Boolean) && this.#serving().length > 0;
  }

  async #collectMetrics(): Promise<void> {
    await Promise.all(
      this.#places.map(async ({ number, current }) => {
        const answer = current?.link.ask('metrics', null, { limitMs: answerLimitMs });
        const values = await answer?.catch(() => undefined);
        if (values !== undefined) this.#metrics.update(number, values);
      }),
    );
  }
}
