import { Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Metrics } from '../../../serve/metrics.ts';
import { CombinedMetrics, metricValuesOf } from '../../../serve/processes/combined-metrics.ts';

/** A process that has answered requests and has some images in flight. */
async function valuesOf(requests: number, imagesInFlight: number) {
  const metrics = new Metrics();
  const zero = () => 0;
  metrics.addGauges({
    imagesInFlight: () => imagesInFlight,
    imagesWaitingForPreparation: zero,
    jobsWaitingForInference: zero,
    uploadBytes: zero,
  });
  for (let i = 0; i < requests; i++) {
    metrics.countRequest('/classify', 'POST', 200);
    metrics.timeStage('infer', 30);
  }
  metrics.countModelChange('reference', 'loaded');
  // As it arrives.
  return JSON.parse(JSON.stringify(await metricValuesOf(metrics.registry)));
}

const read = async (combined: CombinedMetrics, line: string) => {
  const found = (await combined.text()).split('\n').find((text) => text.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
};
const requests = 'textura_http_requests_total{route="/classify",method="POST",status="200"}';

test('counts, histograms and gauges are added up; a model change that all processes make is one', async () => {
  const combined = new CombinedMetrics(() => 2);
  combined.update(1, await valuesOf(3, 1));
  combined.update(2, await valuesOf(5, 2));
  expect(await read(combined, requests)).toBe(8);
  expect(await read(combined, 'textura_stage_seconds_bucket{le="0.05",stage="infer"}')).toBe(8);
  expect(await read(combined, 'textura_stage_seconds_sum{stage="infer"}')).toBeCloseTo(0.24);
  expect(await read(combined, 'textura_images_in_flight')).toBe(3);
  expect(await read(combined, 'textura_model_changes_total{model="reference",change="loaded"}')).toBe(1);
  expect(await read(combined, 'textura_processes')).toBe(2);
});

test('the counts of a process that has ended stay, its gauges do not', async () => {
  const combined = new CombinedMetrics(() => 1);
  combined.update(1, await valuesOf(3, 1));
  combined.update(2, await valuesOf(5, 2));
  combined.countLost();
  await combined.retire(2);
  expect(await read(combined, requests)).toBe(8);
  expect(await read(combined, 'textura_images_in_flight')).toBe(1);
  combined.update(2, await valuesOf(1, 0));
  await combined.retire(2);
  expect(await read(combined, requests)).toBe(9);
  expect(await read(combined, 'textura_model_changes_total{model="reference",change="loaded"}')).toBe(1);
  expect(await read(combined, 'textura_lost_processes_total')).toBe(1);
});

test('values that are no numbers are left out', async () => {
  const registry = new Registry();
  const gauge = new Gauge({ name: 'lag', help: 'lag', registers: [registry] });
  gauge.set(Number.NaN);
  expect((await metricValuesOf(registry)).map(({ name, values }) => [name, values])).toEqual([['lag', []]]);
  const combined = new CombinedMetrics(() => 1);
  combined.update(1, await metricValuesOf(registry));
  expect(await combined.text()).toContain('# TYPE lag gauge\n');
});

test('the event loop lag is that of the slowest process, and the text has every name once', async () => {
  const combined = new CombinedMetrics(() => 2);
  const lag = (value: number) => ({
    name: 'nodejs_eventloop_lag_p99_seconds',
    help: 'lag',
    type: 'gauge',
    aggregator: 'average',
    values: [{ value, labels: {} }],
  });
  combined.update(1, [lag(0.2)]);
  combined.update(2, [lag(0.1)]);
  expect(await read(combined, 'nodejs_eventloop_lag_p99_seconds')).toBe(0.2);
  combined.update(1, await valuesOf(1, 0));
  const names = [...(await combined.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain('process_start_time_seconds');
});
