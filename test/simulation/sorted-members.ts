export interface ScoredMember {
  readonly member: string;
  readonly score: number;
}

/** The members of a sorted set in its order, with one more. */
export function withMember(members: readonly ScoredMember[], one: ScoredMember): readonly ScoredMember[] {
  const { member, score } = one;
  const isLater = (other: ScoredMember) =>
    other.score > score || (other.score === score && other.member > member);
  const found = members.findIndex(isLater);
  const place = found === -1 ? members.length : found;
  return [...members.slice(0, place), one, ...members.slice(place)];
}

export function withoutMember(members: readonly ScoredMember[], member: string): readonly ScoredMember[] {
  return members.filter((other) => other.member !== member);
}
