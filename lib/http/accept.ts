/**
 * Whether an Accept header lets an event stream through. The most specific range decides, and a
 * range that can't be read excludes nothing.
 *
 * https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function acceptsEventStream(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  const quality = new Map<string, boolean>();
  for (const item of accept.split(',')) {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    quality.set(range, !parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter)));
  }
  return quality.get('text/event-stream') ?? quality.get('text/*') ?? quality.get('*/*') ?? false;
}
