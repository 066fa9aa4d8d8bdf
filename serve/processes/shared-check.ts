/**
 * The sandbox checks of the primary process: processes that find the same new model share one check, and a
 * replaced process gets the result of the first.
 */
import { sha256 } from '../../node/sha256.ts';
import { type SandboxAnswer, SandboxCheck, type SandboxRequest } from '../registry/sandbox-check.ts';

/** Passed requests that are remembered. */
const rememberedPasses = 64;
/** The sandbox process is kept for the next model of a scan for this long. */
const idleMs = 2000;

export class SharedCheck {
  readonly #sandbox: Pick<SandboxCheck, 'answer' | 'close'>;
  /**
   * By SHA-256 of the request, which contains that of every file, so that a passed check stays valid. A failure
   * is forgotten and only for the process that asked, because the files on disk may have been half written.
   */
  readonly #answers = new Map<string, Promise<SandboxAnswer>>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(sandbox: Pick<SandboxCheck, 'answer' | 'close'> = new SandboxCheck()) {
    this.#sandbox = sandbox;
  }

  /** Calls `onNew` if no other process has asked this before. */
  async answer(request: SandboxRequest, onNew: () => void): Promise<SandboxAnswer> {
    const key = sha256(JSON.stringify(request));
    for (let known = this.#answers.get(key); known !== undefined; known = this.#answers.get(key)) {
      const answer = await known.catch(() => undefined);
      if (answer?.passed) return answer;
    }
    const answer = this.#inTurn(request);
    this.#answers.set(key, answer);
    const forget = () => void this.#answers.delete(key);
    answer.then(({ passed }) => {
      if (!passed) forget();
    }, forget);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= rememberedPasses) break;
      this.#answers.delete(oldest);
    }
    onNew();
    return answer;
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#sandbox.close();
  }

  /** The sandbox takes one request at a time. */
  async #inTurn(request: SandboxRequest): Promise<SandboxAnswer> {
    this.#waiting++;
    clearTimeout(this.#idle);
    const answer = this.#turn.then(() => this.#sandbox.answer(request));
    this.#turn = answer.catch(() => {});
    try {
      return await answer;
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#idle = setTimeout(() => this.#sandbox.close(), idleMs).unref();
    }
  }
}
