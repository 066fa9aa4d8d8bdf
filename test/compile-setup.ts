/**
 * Before all tests: compiles the repository, because loading TypeScript costs each process and thread that a
 * test starts a third of a second of computing. `node/own-module.ts` starts the compiled modules.
 */
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { compiledCopy } from '../node/own-module.ts';
import { compile, productRooms, repository } from '../package/compile.ts';

export async function setup(project: TestProject): Promise<void> {
  const recompile = () => compile(join(repository, compiledCopy), [...productRooms, 'bench', 'test']);
  await recompile();
  project.onTestsRerun(recompile);
  process.env.TEXTURA_COMPILED = '1';
}
