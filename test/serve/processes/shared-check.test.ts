import { expect, test } from 'vitest';
import { SharedCheck } from '../../../serve/processes/shared-check.ts';
import type { SandboxAnswer, SandboxRequest } from '../../../serve/registry/sandbox-check.ts';

const requestOf = (sha256: string): SandboxRequest => ({
  entry: { labels: ['bark', 'brick'], input: { patchPx: 64 } } as unknown as SandboxRequest['entry'],
  graphs: [{ name: 'a.onnx', path: '/models/a.onnx', sha256 }],
  check: { selfCheck: [], tolerance: 1e-4 },
});

/** A sandbox that records what it checks. */
function sandbox(answers: readonly SandboxAnswer[]) {
  const checked: (string | undefined)[] = [];
  let running = 0;
  return {
    checked,
    async answer({ graphs }: SandboxRequest): Promise<SandboxAnswer> {
      expect(++running, 'one check at a time').toBe(1);
      checked.push(graphs[0]?.sha256);
      await new Promise(setImmediate);
      running--;
      return answers[checked.length - 1] ?? { passed: true };
    },
    close: () => {},
  };
}

test('processes that ask the same share one check, whenever they ask; others are checked one after another', async () => {
  const box = sandbox([]);
  const check = new SharedCheck(box);
  let isNew = 0;
  const ask = (sha256: string) => check.answer(requestOf(sha256), () => isNew++);
  expect(await Promise.all([ask('1'), ask('1'), ask('2')])).toEqual(Array(3).fill({ passed: true }));
  expect(await ask('1')).toEqual({ passed: true });
  expect([box.checked, isNew]).toEqual([['1', '2'], 2]);
  check.close();
});

test('a failure is only for the process that asked: another may have seen the files complete', async () => {
  const failure = { passed: false, code: 'file-damaged', message: 'half written' } as const;
  const box = sandbox([failure]);
  const check = new SharedCheck(box);
  let isNew = 0;
  const ask = () => check.answer(requestOf('1'), () => isNew++);
  const passed = { passed: true };
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([failure, passed, passed]);
  expect(await ask()).toEqual(passed);
  expect([box.checked, isNew]).toEqual([['1', '1'], 2]);
  check.close();
});
