import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { progressBar, terminalOn } from '../../node/terminal.ts';

/** A stream that stands for a terminal of the given width, or for a file. */
function streamOf(columns?: number) {
  const stream = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true, columns });
  return { terminal: terminalOn(stream), written: () => String(stream.read() ?? '') };
}

/**
 * The final content of a screen: a carriage return moves to the start of the line, `ESC [K` clears the rest
 * of the line.
 */
function shown(text: string): readonly string[] {
  return text.split('\n').map((line) =>
    line.split('\r').reduce((before, part) => {
      const [start = '', cleared] = part.split('\u001b[K');
      return cleared === undefined ? start + before.slice(start.length) : start + cleared;
    }, ''),
  );
}

test('on a terminal the changing line is replaced, and lines stay above it', () => {
  const { terminal, written } = streamOf(80);
  expect(terminal.isInteractive).toBe(true);
  terminal.status('reading images 10/12');
  terminal.status('reading 11');
  terminal.line('12 images');
  terminal.status('epoch 1');
  const text = written();
  expect(shown(text)).toEqual(['12 images', 'epoch 1']);
  terminal.clear();
  expect(shown(text + written())).toEqual(['12 images', '']);
});

test('the changing line never wraps into the next', () => {
  const { terminal, written } = streamOf(12);
  terminal.status('reading images 10/12');
  expect(shown(written())).toEqual(['reading ima']);
  const unsized = streamOf(0);
  unsized.terminal.status('reading images 10/12');
  expect(shown(unsized.written())).toEqual(['reading images 10/12']);
});

test('a file gets only lines', () => {
  const { terminal, written } = streamOf();
  expect(terminal.isInteractive).toBe(false);
  terminal.status('reading images 10/12');
  terminal.clear();
  terminal.line('12 images');
  expect(written()).toBe('12 images\n');
});

test('the width without a terminal is that of COLUMNS, or 80', () => {
  const widthOf = (COLUMNS: string | undefined, columns?: number) => {
    vi.stubEnv('COLUMNS', COLUMNS);
    return streamOf(columns).terminal.width;
  };
  expect([widthOf(undefined), widthOf('120'), widthOf('120', 90), widthOf('120', 0)]).toEqual([
    80, 120, 90, 120,
  ]);
  expect(['', '0', '-1', '12.5', 'wide'].map((text) => widthOf(text))).toEqual([80, 80, 80, 80, 80]);
});

test('printed text never moves the cursor: control characters from outside are shown as escapes', () => {
  for (const columns of [80, undefined]) {
    const { terminal, written } = streamOf(columns);
    terminal.line('evil\u001b[2J.bmp\rrc=0\u009b1A\u202e\nnext line');
    expect(written().replaceAll('\r\u001b[K', '')).toBe(
      'evil\\u001b[2J.bmp\\rrc=0\\u009b1A\\u202e\nnext line\n',
    );
  }
  const { terminal, written } = streamOf(80);
  terminal.status('reading two\nlines\u001b[2J');
  expect(written()).toBe('\rreading two\\nlines\\u001b[2J\u001b[K');
});

test('a bar is filled by the share, and never overfull', () => {
  expect(progressBar(0, 4)).toBe('░░░░');
  expect(progressBar(0.5, 4)).toBe('██░░');
  expect(progressBar(1.2, 4)).toBe('████');
  expect(progressBar(-1, 4)).toBe('░░░░');
});
