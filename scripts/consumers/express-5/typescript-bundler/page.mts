// What a page imports, without the types of the DOM, and without React's.
import { connect, type Stream } from 'express-sse-hub/client';
import { useEvent, useStream } from 'express-sse-hub/react';

interface Events {
  readonly apples: { readonly count: number };
}

export const stream: Stream<Events> = connect<Events>('/stream', { share: true });
stream.on('apples', ({ count }) => count.toFixed());

// @ts-expect-error: misspelled, and only a typed stream can tell.
stream.on('aples', () => {});

export const count = (): number | undefined => useEvent(stream, 'apples')?.count;
export const isLive = (): boolean => useStream(stream) === 'live';
