// react/: hooks for the streams of the client. React 18 and newer.

import { useMemo, useSyncExternalStore } from 'react';
import type { AnyEvents, DataOf, Stream, StreamState, TypesOf } from '../browser/stream/stream.js';

/** A stream, or none yet: on the server, and before an effect has opened it. */
export type MaybeStream<Events extends object = AnyEvents> = Stream<Events> | null | undefined;

/**
 * The state of a stream, as in `stream.state`. The component is rendered again with each new one. Without a stream, and on the
 * server, `'connecting'`.
 */
export function useStream<Events extends object>(stream: MaybeStream<Events>): StreamState {
  const subscribe = useMemo(
    () => (render: () => void) => stream?.onState(render) ?? none,
    [stream],
  );
  return useSyncExternalStore(
    subscribe,
    () => stream?.state ?? 'connecting',
    () => 'connecting',
  );
}

/**
 * The data of the latest event of one type, since any component has asked for that type of that stream. Undefined before the
 * first one, and on the server.
 */
export function useEvent<Events extends object, Type extends TypesOf<Events>>(
  stream: MaybeStream<Events>,
  type: Type,
): DataOf<Events, Type> | undefined {
  return useFold<DataOf<Events, Type> | undefined>(stream, type, 'latest', undefined, latest);
}

/** The options of `useEvents`. */
export interface UseEventsOptions {
  /** How many events are kept: an integer above 0. Default 100. */
  readonly limit?: number | undefined;
}

/**
 * The data of the newest events of one type, the oldest first, since any component has asked for so many of that type of that
 * stream. Empty before the first one, and on the server. Throws a RangeError for a bad `limit`.
 */
export function useEvents<Events extends object, Type extends TypesOf<Events>>(
  stream: MaybeStream<Events>,
  type: Type,
  { limit = 100 }: UseEventsOptions = {},
): readonly DataOf<Events, Type>[] {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new RangeError(`limit ${limit}: must be an integer above 0`);
  }
  const add = (list: readonly DataOf<Events, Type>[], data: DataOf<Events, Type>) =>
    [...list, data].slice(-limit);
  return useFold<readonly DataOf<Events, Type>[]>(stream, type, `newest ${limit}`, nothing, add);
}

const nothing: readonly never[] = [];
const none = () => {};
const latest = <Data>(_before: unknown, data: Data) => data;

/** What the events of one type have come to so far. */
interface Fold<Value> {
  value: Value;
  readonly renders: Set<() => void>;
}

/** A component that is mounted later, or once more, has what the others have. */
const folds = new WeakMap<object, Map<string, Fold<unknown>>>();

function useFold<Value>(
  stream: object | null | undefined,
  type: string,
  name: string,
  initial: Value,
  step: (before: Value, data: never) => Value,
): Value {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the name says which step it is
  const fold = useMemo(
    () => (stream ? foldOf(stream, type, name, initial, step) : undefined),
    [stream, type, name],
  );
  const subscribe = useMemo(
    () => (render: () => void) => {
      fold?.renders.add(render);
      return () => void fold?.renders.delete(render);
    },
    [fold],
  );
  return useSyncExternalStore(
    subscribe,
    () => fold?.value ?? initial,
    () => initial,
  );
}

function foldOf<Value>(
  stream: object,
  type: string,
  name: string,
  initial: Value,
  step: (before: Value, data: never) => Value,
): Fold<Value> {
  let all = folds.get(stream);
  if (all === undefined) {
    all = new Map();
    folds.set(stream, all);
  }
  const key = JSON.stringify([type, name]);
  let fold = all.get(key) as Fold<Value> | undefined;
  if (fold === undefined) {
    const made: Fold<Value> = { value: initial, renders: new Set() };
    (stream as Stream).on(type, (data) => {
      made.value = step(made.value, data as never);
      for (const render of made.renders) render();
    });
    fold = made;
    all.set(key, fold as Fold<unknown>);
  }
  return fold;
}
