/** Reads again whenever something has changed, one reading at a time: what changes meanwhile is read once, as it is then. */

export interface ReadingLoop {
  /** Asks for a reading. While one is under way, any number of calls ask for one more. */
  request(): void;
}

/** `read` must not reject. */
export function readingLoop(read: () => Promise<void>): ReadingLoop {
  let running = false;
  let wanted = false;
  async function run(): Promise<void> {
    running = true;
    while (wanted) {
      wanted = false;
      await read();
    }
    running = false;
  }
  return {
    request() {
      wanted = true;
      if (!running) void run();
    },
  };
}
