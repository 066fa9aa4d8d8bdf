/** Once before all tests. */
export function setup(): void {}
