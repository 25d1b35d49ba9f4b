/** Whom a lock lets in beside its holder. */
export type LockMode = 'exclusive' | 'shared' | 'upgradeable';

/**
 * Held by whoever has a lock further down (layers): 'intention-shared' above a shared one, 'intention-exclusive' above all others. It
 * keeps away those who want all that is below, and nobody else.
 */
export type IntentionMode = 'intention-shared' | 'intention-exclusive';

/** Every way in which a store may be asked for a name, but for permits of a limit. */
export type AccessMode = LockMode | IntentionMode;

/** As `inspect` tells it; `limited`: permits up to a limit. */
export type HeldMode = AccessMode | 'limited';

/**
 * Who may have a name beside whom. S, X and the intention locks as in J. Gray, R. Lorie, G. Putzolu and I. Traiger, «Granularity of Locks
 * and Degrees of Consistency in a Shared Data Base», 1975; an upgradeable one is a shared one of which there is one at most.
 */
const BESIDE: Readonly<Record<AccessMode, readonly AccessMode[]>> = {
  'intention-shared': ['intention-shared', 'intention-exclusive', 'shared', 'upgradeable'],
  'intention-exclusive': ['intention-shared', 'intention-exclusive'],
  shared: ['intention-shared', 'shared', 'upgradeable'],
  upgradeable: ['intention-shared', 'shared'],
  exclusive: [],
};

/** What one has who has it in this mode: whoever is inside of it may enter again in one of these. */
const COVERS: Readonly<Record<AccessMode, readonly AccessMode[]>> = {
  'intention-shared': ['intention-shared'],
  'intention-exclusive': ['intention-shared', 'intention-exclusive'],
  shared: ['intention-shared', 'shared'],
  upgradeable: ['intention-shared', 'shared'],
  exclusive: ['intention-shared', 'intention-exclusive', 'shared', 'upgradeable', 'exclusive'],
};

/** From the one that lets most in to the one that lets nobody in. */
const WEAKEST_FIRST: readonly HeldMode[] = [
  'intention-shared',
  'intention-exclusive',
  'shared',
  'upgradeable',
  'limited',
  'exclusive',
];

/** May two have one name in these modes at once? */
export function goTogether(mode: AccessMode, other: AccessMode): boolean {
  return BESIDE[mode].includes(other);
}

/** May one who has a name like that enter it again like this? */
export function covers(outer: AccessMode, inner: AccessMode): boolean {
  return COVERS[outer].includes(inner);
}

/** May several leases of one process share one hold of this mode? */
export function isShareable(mode: AccessMode): boolean {
  return goTogether(mode, mode);
}

export function isIntention(mode: AccessMode): mode is IntentionMode {
  return mode === 'intention-shared' || mode === 'intention-exclusive';
}

/** What the ancestors of a name are held in while it is held like this; an upgrade must not have to ask for more. */
export function intentionOf(mode: AccessMode): IntentionMode {
  return mode === 'shared' || mode === 'intention-shared' ? 'intention-shared' : 'intention-exclusive';
}

/** The one that lets fewest in; undefined: there is none. */
export function strongest<M extends HeldMode>(modes: readonly M[]): M | undefined {
  const rank = (mode: M) => WEAKEST_FIRST.indexOf(mode);
  return modes.toSorted((a, b) => rank(a) - rank(b)).at(-1);
}
