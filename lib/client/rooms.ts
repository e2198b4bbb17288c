import { quote } from '../errors.js';

export const NO_ROOMS: ReadonlySet<string> = new Set();

/** The members of each room. A room exists as long as it has members. */
export class Rooms<Member> {
  readonly #members = new Map<string, Set<Member>>();

  add(member: Member, room: string): void {
    const members = this.#members.get(room);
    if (members === undefined) this.#members.set(room, new Set([member]));
    else members.add(member);
  }

  delete(member: Member, room: string): void {
    const members = this.#members.get(room);
    if (members?.delete(member) && members.size === 0) this.#members.delete(room);
  }

  /** The members of any of these rooms, each of them once. */
  membersOf(rooms: readonly string[]): Iterable<Member> {
    const sets = rooms.map((room) => this.#members.get(room) ?? []);
    return sets.length === 1
      ? (sets[0] as Iterable<Member>)
      : new Set(sets.flatMap((members) => [...members]));
  }
}

/** Throws a TypeError for a value that is no name of a room. */
export function checkRoom(room: unknown): asserts room is string {
  if (typeof room !== 'string' || room === '') {
    throw new TypeError(`room ${quote(room)}: must be a non-empty string`);
  }
}
