import { ADAPTERS } from './adapters.mjs';

/** Does what it is asked: to open a stream, to close it. Tells `report` what its client says. */
export function openStreams(report) {
  const streams = new Map();
  return async ({ id, client, url }) => {
    if (client === undefined) {
      streams.get(id)?.();
      return;
    }
    const open = await ADAPTERS[client]();
    streams.set(
      id,
      open(url, (news) => report({ id, ...news })),
    );
  };
}
