/** The address of a queue in messages, apart from the connection, whose packages may not be installed. */

/** Without the password, which would end in logs: `redis://user:***@host`. */
export function shownAddress(url: string): string {
  return url.replace(/:\/\/([^:/@]*):.*@/, '://$1:***@');
}
