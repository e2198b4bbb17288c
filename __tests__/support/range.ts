/** The numbers from 0, so many of them. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** The same as texts. */
export function texts(count: number): string[] {
  return range(count).map(String);
}
