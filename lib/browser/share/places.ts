/**
 * Whether who is at `place` has been at `other`. Ids of a hub are ordered: `<epoch>.<number>`. Of ids of other servers, only
 * that they are the same is known.
 */
export function isReached(other: string, place: string): boolean {
  const [epoch, number] = place.split('.');
  const [otherEpoch, otherNumber] = other.split('.');
  return other === place || (epoch === otherEpoch && Number(otherNumber) < Number(number));
}
