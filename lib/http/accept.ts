/**
 * Whether an Accept header allows an event stream. The most specific range decides. A part that is no
 * media range is ignored.
 *
 * https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function acceptsEventStream(accept = ''): boolean {
  if (accept === 'text/event-stream') return true; // all that EventSource ever sends
  const accepted = new Map<string, boolean>();
  for (const item of accept.split(',')) {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    if (!/^[^\s/]+\/[^\s/]+$/.test(range)) continue;
    accepted.set(range, !parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter)));
  }
  if (accepted.size === 0) return true;
  return (
    accepted.get('text/event-stream') ?? accepted.get('text/*') ?? accepted.get('*/*') ?? false
  );
}
