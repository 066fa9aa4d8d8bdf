/**
 * Work as a user whom permissions bind: where the tests run as root, which may read everything, as `nobody`
 * for a moment.
 */
export async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  try {
    if (isRoot) process.seteuid?.(nobody);
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

const nobody = 65_534;
