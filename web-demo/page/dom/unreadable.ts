/** Whether a file could not be read: it is a folder, or was moved or changed after it was chosen. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof DOMException && ['NotFoundError', 'NotReadableError'].includes(error.name);
}
