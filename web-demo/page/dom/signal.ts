/** A value that notifies observers when it changes. */
export interface Signal<T> {
  get(): T;
  set(value: T): void;
  /** Calls the observer now and at every change. */
  subscribe(observer: (value: T) => void): void;
}

export function signal<T>(initial: T): Signal<T> {
  let current = initial;
  const observers: ((value: T) => void)[] = [];
  return {
    get: () => current,
    set(value) {
      current = value;
      for (const observer of observers) {
        // An observer that throws does not stop the others.
        try {
          observer(value);
        } catch (error) {
          reportError(error);
        }
      }
    },
    subscribe(observer) {
      observers.push(observer);
      observer(current);
    },
  };
}
