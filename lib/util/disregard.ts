/** What nobody waits for. Where it is a promise, as an async function gives one, its rejection would end the process. */
export function disregard(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}
