/** HTTP by hand, for requests that no proper client sends. */
import { connect } from 'node:net';

/**
 * Writes text or bytes to the service and returns its response until the connection ends or `patienceMs` have
 * passed.
 */
export function exchangeRaw(
  address: string,
  parts: readonly (string | Uint8Array)[],
  patienceMs = 3000,
): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname);
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(finish, patienceMs);
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', finish).on('error', finish).on('close', finish);
    for (const part of parts) socket.write(part);
  });
}

/** The statuses of the answers in a text, in order. */
export function statusesIn(answer: string): readonly number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
