/** The time of each step of a frame, averaged over about a second. */
import { element } from '../dom/element.ts';
import { formatNumber, language, textElement } from '../language/language.ts';

const rows = { grab: 'time.grab', preprocess: 'time.preprocess', infer: 'time.infer' } as const;
type Row = keyof typeof rows;

interface FrameTimes {
  readonly grabMs: number;
  readonly preprocessMs: number;
  readonly inferMs: number;
  /** Whether the picture is moving: only then is there a frame rate. */
  readonly isFrame: boolean;
}

/** Weight of a new frame in the averages. */
const newShare = 0.15;

export function timeTable() {
  const rate = element('dd', { class: 'figure', id: 'frames-per-second' });
  const cells: Record<Row, HTMLElement> = {
    grab: element('dd', { class: 'figure' }),
    preprocess: element('dd', { class: 'figure' }),
    infer: element('dd', { class: 'figure', id: 'infer-ms' }),
  };
  const entries = (Object.keys(rows) as Row[]).map((row) =>
    element('div', {}, textElement('dt', rows[row]), cells[row]),
  );
  const rateEntry = element('div', {}, textElement('dt', 'time.frames'), rate);
  const root = element('dl', { class: 'times' }, ...entries, rateEntry);
  let averages: Record<Row, number> | undefined;
  let frameMs: number | undefined;
  let lastFrameAt: number | undefined;
  let drawnAt = 0;

  function draw(): void {
    drawnAt = performance.now();
    rateEntry.hidden = frameMs === undefined;
    rate.textContent = frameMs === undefined ? '–' : formatNumber(1000 / frameMs, 1);
    for (const row of Object.keys(rows) as Row[]) {
      cells[row].textContent = averages === undefined ? '–' : `${formatNumber(averages[row], 1)} ms`;
    }
  }

  function show({ grabMs, preprocessMs, inferMs, isFrame }: FrameTimes): void {
    const times = { grab: grabMs, preprocess: preprocessMs, infer: inferMs };
    const before = isFrame ? (averages ?? times) : times;
    averages = {
      grab: before.grab + newShare * (grabMs - before.grab),
      preprocess: before.preprocess + newShare * (preprocessMs - before.preprocess),
      infer: before.infer + newShare * (inferMs - before.infer),
    };
    const now = performance.now();
    if (!isFrame) frameMs = undefined;
    else if (lastFrameAt !== undefined) {
      const sinceLastMs = now - lastFrameAt;
      frameMs = frameMs === undefined ? sinceLastMs : frameMs + newShare * (sinceLastMs - frameMs);
    }
    lastFrameAt = isFrame ? now : undefined;
    if (!isFrame || now - drawnAt > 250) draw();
  }

  language.subscribe(draw);
  return {
    root,
    show,
    reset() {
      averages = undefined;
      frameMs = undefined;
      lastFrameAt = undefined;
      draw();
    },
  };
}
