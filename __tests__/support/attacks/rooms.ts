import { EventHub } from '../../../lib/hub.js';
import { enter } from '../enter.js';
import { FakeSink, turn } from '../fake-sink.js';
import { Random } from './random.js';

const USERS = 20;
const ROOMS = 30;
const MOST_CONNECTIONS = 60;

interface Connection {
  readonly sink: FakeSink;
  readonly client: {
    join(...rooms: string[]): void;
    leave(...rooms: string[]): void;
    readonly rooms: ReadonlySet<string>;
  };
  /** Every room that it was in at any time. */
  readonly ever: Set<string>;
}

/** Users join, leave and reconnect, with the ids of others; events are sent to rooms. */
export async function attackWithRooms(steps: number): Promise<string> {
  const random = new Random(3);
  const hub = new EventHub({ history: { events: 200 }, retry: false });
  const connections: Connection[] = [];
  const ids: string[] = [];
  let [sent, received] = [0, 0];
  const room = () => `room ${random.below(ROOMS)}`;
  const connect = () => {
    const own = `user ${random.below(USERS)}`;
    const rooms = [own, room(), room()];
    const sink = new FakeSink();
    const lastEventId = random.below(3) === 0 ? undefined : random.one([...ids, 'x', undefined]);
    const client = enter(hub, sink, { lastEventId, rooms });
    connections.push({ sink, client, ever: new Set(rooms) });
  };
  const check = ({ sink, ever }: Connection) => {
    for (const data of sink.data) {
      if (!data.startsWith('to ')) continue;
      received++;
      const rooms = data.slice(3).split(', ');
      if (!rooms.some((name) => ever.has(name))) throw new Error(`foreign event: ${data}`);
    }
  };
  for (let step = 0; step < steps; step++) {
    const action = random.below(6);
    const at = random.below(connections.length || 1);
    const connection = connections[at];
    if (connection === undefined || (action === 0 && connections.length < MOST_CONNECTIONS))
      connect();
    else if (action === 1) {
      const name = room();
      connection.client.join(name);
      connection.ever.add(name);
    } else if (action === 2)
      connection.client.leave(random.one([...connection.client.rooms, 'none']));
    else if (action === 3) {
      check(connection);
      connection.sink.owner.closed();
      connections.splice(at, 1);
    } else {
      const to = random.one([[room()], [`user ${random.below(USERS)}`], [room(), room()]]);
      ids.push(await hub.to(...(to as [string])).send(`to ${to.join(', ')}`));
      if (ids.length > 300) ids.shift();
      sent++;
    }
    if (step % 100 === 0) await turn();
  }
  await hub.flushed();
  for (const connection of connections) check(connection);
  if (received === 0) throw new Error('nobody got anything');
  return `${steps} steps, ${sent} events sent, ${received} received: 0 foreign`;
}
