/** What the attempt throws, as text. */
export function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    return String(error);
  }
  return 'none';
}
