import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  invalidRequests,
  sendHostile,
  sendInvalid,
  sendValid,
  validRequests,
} from '../../bench/soak-scenarios.ts';
import { Model } from '../../serve/model.ts';
import { exportModels, runService } from '../support/running-service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('the service answers the valid, invalid and hostile requests of the soak as expected', {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder({});
  await exportModels(folder, [{ variant: 'lab-baseline' }]);
  const { address, close } = await runService(folder);
  onTestFinished(close);
  const model = await Model.load(join(folder, 'lab-baseline.onnx'));
  const valid = await validRequests([model]);
  await model.close();
  for (const [turn, request] of valid.entries()) {
    expect(await sendValid(address, request, turn), `valid request ${turn}`).toBe('correct');
  }
  const [first] = valid;
  if (first === undefined) throw new Error('no valid request');
  for (let turn = 0; turn < 6; turn++) await sendHostile(address, first.bytes, turn);
  for (const [i, request] of (await invalidRequests(first.bytes)).entries()) {
    expect(await sendInvalid(address, request), `invalid request ${i}`).toBe('correct');
  }
});
