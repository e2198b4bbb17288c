/** A promise where there must be none, as an async function gives one: its rejection would end the process. */
export function disregard(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}
