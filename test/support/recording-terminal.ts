import type { Terminal } from '../../node/terminal.ts';

/** A terminal for tests that keeps the printed texts; `onLine` is called for each. */
export function recordingTerminal(
  onLine: (text: string) => void = () => {},
): Terminal & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  return {
    ...{ lines, isInteractive: false, width: 80, status() {}, clear() {} },
    line(text) {
      lines.push(text);
      onLine(text);
    },
  };
}
