/** A value that tells when it changes. */
export interface Signal<T> {
  get(): T;
  set(value: T): void;
  /** Calls back with the value now and at every change. */
  watch(look: (value: T) => void): void;
}

export function signal<T>(initial: T): Signal<T> {
  let current = initial;
  const watchers: ((value: T) => void)[] = [];
  return {
    get: () => current,
    set(value) {
      current = value;
      for (const look of watchers) {
        // One that throws keeps nothing from the others.
        try {
          look(value);
        } catch (error) {
          reportError(error);
        }
      }
    },
    watch(look) {
      watchers.push(look);
      look(current);
    },
  };
}
