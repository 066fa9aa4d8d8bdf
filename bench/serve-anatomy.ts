/** Where the time of one request goes that is alone: by the stages that the service tells in its answers. */
import { type ClassifyAnswer, classifyAnswerSchema } from '../model/service.ts';
import { table } from './page-parts.ts';
import { type LoadPicture, load, type Turn } from './serve-load.ts';
import type { ServerProcess } from './server-process.ts';
import { spreadOf } from './statistics.ts';

/** Medians in ms. */
export interface RequestAnatomy extends Readonly<ClassifyAnswer['timings']> {
  readonly picture: string;
  /** From the request to the answer, for the client. */
  readonly totalMs: number;
}

/** Leaves the server held. */
export async function requestAnatomy(
  { plan, port, go, hold }: ServerProcess,
  picture: LoadPicture,
  turn: Omit<Turn, 'connections'>,
): Promise<RequestAnatomy> {
  await go();
  const answers: string[] = [];
  const { p50Ms } = await load(plan, port, picture, { ...turn, connections: 1 }, (body) =>
    answers.push(body),
  );
  await hold();
  const timings = answers.map((body) => classifyAnswerSchema.parse(JSON.parse(body)).timings);
  return {
    picture: picture.name,
    decodeMs: middle(timings.map(({ decodeMs }) => decodeMs)),
    queueMs: middle(timings.map(({ queueMs }) => queueMs)),
    inferMs: middle(timings.map(({ inferMs }) => inferMs)),
    totalMs: p50Ms,
  };
}

function middle(values: readonly number[]): number {
  return spreadOf(values).median;
}

/** As a heading and a table. */
export function anatomySection(anatomy: RequestAnatomy): string {
  const { picture, decodeMs, queueMs, inferMs, totalMs } = anatomy;
  const rest = totalMs - decodeMs - queueMs - inferMs;
  const row = (what: string, ms: number) => [what, ms.toFixed(2), `${((ms / totalMs) * 100).toFixed(0)} %`];
  const rows = [
    row('computing', inferMs),
    row('decoding and cutting', decodeMs),
    row('waiting for a batch', queueMs),
    row('HTTP, the client, the way to the thread that computes and back', rest),
    row('all', totalMs),
  ];
  return `## Where the time of one request goes

A ${picture} alone; medians. Computing is a run of onnxruntime, which every one of these servers has: what they can differ by is the rest.

${table(['part', 'ms', 'share'], rows)}`;
}
