/** What a release told this process: the lock is yours. */
export interface PushedGrant {
  readonly ownerToken: string;
  readonly fence: number;
  readonly lineage: number;
  /** Server time of the grant, in microseconds. */
  readonly grantedUs: number;
  readonly leaseMs: number;
  readonly key: string;
}

/** What a NOTIFY of the lock functions says. */
export type Notice =
  | ({ readonly kind: 'granted' } & PushedGrant)
  | { readonly kind: 'forced'; readonly ownerToken: string; readonly reason: string }
  | { readonly kind: 'probe'; readonly text: string };

/** undefined: of a later release, or of somebody else. */
export function noticeOf(payload: string): Notice | undefined {
  const [kind, first = '', ...rest] = payload.split(' ');
  if (kind === 'L') return { kind: 'forced', ownerToken: first, reason: rest.join(' ') };
  if (kind === 'P') return { kind: 'probe', text: first };
  if (kind !== 'G') return undefined;
  const [fence, lineage, grantedUs, leaseMs, ...key] = rest;
  return {
    kind: 'granted',
    ownerToken: first,
    fence: Number(fence),
    lineage: Number(lineage),
    grantedUs: Number(grantedUs),
    leaseMs: Number(leaseMs),
    key: key.join(' '),
  };
}
