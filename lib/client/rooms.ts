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

/** The rooms of one member. */
export class Membership<Member> {
  readonly names = new Set<string>();
  readonly #rooms: Rooms<Member>;
  readonly #member: Member;

  constructor(rooms: Rooms<Member>, member: Member) {
    this.#rooms = rooms;
    this.#member = member;
  }

  /** Throws what `checkRooms` throws, and joins none of them then. */
  join(rooms: readonly string[], limits: RoomLimits): void {
    const more = checkRooms(rooms, limits).filter((room) => !this.names.has(room));
    checkCount(this.names.size + new Set(more).size, limits);
    for (const room of more) {
      this.names.add(room);
      this.#rooms.add(this.#member, room);
    }
  }

  leave(rooms: readonly string[]): void {
    for (const room of rooms) {
      if (this.names.delete(room)) this.#rooms.delete(this.#member, room);
    }
  }

  /** The member is gone. What it was in can still be read. */
  end(): void {
    for (const room of this.names) this.#rooms.delete(this.#member, room);
  }
}

/** How many rooms an event may be for, and a client be in, and how long their names may be. */
export interface RoomLimits {
  readonly maxRooms: number;
  readonly maxRoomLength: number;
}

const UNLIMITED: RoomLimits = { maxRooms: Infinity, maxRoomLength: Infinity };

/**
 * A copy of a list of rooms. Throws a TypeError for what is no list, or has something in it that is no name of a
 * room, and a RangeError for what is beyond the limits.
 */
export function checkRooms(rooms: unknown, limits: RoomLimits = UNLIMITED): readonly string[] {
  if (!Array.isArray(rooms)) {
    throw new TypeError(`rooms ${quote(rooms)}: must be a list of strings`);
  }
  checkCount(rooms.length, limits);
  // A list may have holes, which `forEach` passes over.
  return Array.from(rooms as unknown[], (room) => checkRoom(room, limits));
}

export function checkRoom(room: unknown, { maxRoomLength }: RoomLimits): string {
  if (typeof room !== 'string' || room === '') {
    throw new TypeError(`room ${quote(room)}: must be a non-empty string`);
  }
  if (room.length <= maxRoomLength) return room;
  throw new RangeError(
    `room ${quote(room)}: must have at most maxRoomLength, ${maxRoomLength} characters, and has ${room.length}`,
  );
}

export function checkCount(rooms: number, { maxRooms }: RoomLimits): void {
  if (rooms <= maxRooms) return;
  throw new RangeError(`${rooms} rooms: must be at most maxRooms, ${maxRooms}`);
}
