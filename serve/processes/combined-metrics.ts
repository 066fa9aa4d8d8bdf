/**
 * The metrics of a service that consists of several processes, as one set. prom-client can add the metrics of
 * several processes up (`AggregatorRegistry`); collecting them is done here, because prom-client fails if one
 * process does not answer, and forgets a process that has ended, so that its counters would fall.
 */
import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';

interface Metric {
  readonly name: string;
  readonly type: string;
  /** How prom-client combines it: `sum`, `max`, ... */
  readonly aggregator: string;
  readonly values: readonly { readonly value: number }[];
}

/** All metrics of one process. */
export type MetricValues = readonly Metric[];

/** Without NaN, which a message between processes cannot contain: the lag of an event loop that has not run. */
export async function metricValuesOf(registry: Registry): Promise<MetricValues> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map((metric) => ({
    ...metric,
    type: String(metric.type),
    values: metric.values.filter(({ value }) => Number.isFinite(value)),
  }));
}

export class CombinedMetrics {
  readonly #own = new Registry();
  readonly #lost: Counter;
  /** The latest values of each process, by its number. */
  readonly #latest = new Map<number, MetricValues>();
  /** The counts of all processes that have ended. */
  #ended: MetricValues = [];

  /** `serving` is the current number of processes that serve. */
  constructor(serving: () => number) {
    const registers = [this.#own];
    this.#lost = new Counter({
      name: 'textura_lost_processes_total',
      help: 'Processes that ended unexpectedly and were replaced.',
      registers,
    });
    new Gauge({
      name: 'textura_processes',
      help: 'Processes that serve.',
      registers,
      collect() {
        this.set(serving());
      },
    });
    // prom-client leaves it out of combined metrics.
    new Gauge({
      name: 'process_start_time_seconds',
      help: 'Start time of the process since unix epoch in seconds.',
      registers,
    }).set(Math.round(Date.now() / 1000 - process.uptime()));
  }

  countLost(): void {
    this.#lost.inc();
  }

  update(number: number, values: MetricValues): void {
    this.#latest.set(number, values);
  }

  /** The process has ended: its counts stay, its gauges go. */
  async retire(number: number): Promise<void> {
    const counts = (this.#latest.get(number) ?? []).filter(({ type }) => type !== 'gauge');
    this.#latest.delete(number);
    this.#ended = await metricValuesOf(combined([this.#ended, counts]));
  }

  /** In the text format of Prometheus. */
  async text(): Promise<string> {
    const together = combined([...this.#latest.values(), this.#ended]);
    return `${await this.#own.metrics()}\n${await together.metrics()}`;
  }
}

function combined(sets: readonly MetricValues[]): Registry {
  return AggregatorRegistry.aggregate(sets.map((metrics) => metrics.map(forCombining)));
}

/** A mean over the processes would hide the one that is late. */
function forCombining(metric: Metric): Metric {
  return metric.aggregator === 'average' ? { ...metric, aggregator: 'max' } : metric;
}
