/**
 * The types of `@Locked`: what must compile, and after each @ts-expect-error what must not. Nothing here runs.
 */
import { applyDecorators, Controller, Get } from '@nestjs/common';
import { type Observable, of } from 'rxjs';
import {
  CurrentLease,
  type Lease,
  type LockBusyError,
  Locked,
  type LockedOptions,
  lockName,
  NotLocked,
} from 'nestjs-distributed-lock';

interface Order {
  readonly id: number;
  readonly region?: string;
}

// A key function takes the arguments of its method; it may leave out what comes last.
export class KeyFunctions {
  @Locked((order: Order) => lockName`order:${order.id}`)
  async pay(order: Order, cents: number, @CurrentLease() lease?: Lease): Promise<number> {
    return order.id + cents + (lease?.fencingToken ?? 0);
  }

  @Locked((order: { id: number }, cents: number) => [`order:${order.id}`, `sum:${cents}`])
  async wider(order: Order, cents: number): Promise<number> {
    return order.id + cents;
  }

  @Locked((...ids: string[]) => ids.map((id) => `order:${id}`))
  async several(first: string, second: string): Promise<string> {
    return first + second;
  }

  @Locked(() => 'orders')
  async all(_page: number): Promise<void> {}

  // @ts-expect-error the method's first argument is a number
  @Locked((id: string) => `order:${id}`)
  async otherType(id: number): Promise<number> {
    return id;
  }

  // @ts-expect-error the method has one argument only
  @Locked((id: string, region: string) => `order:${region}:${id}`)
  async tooMany(id: string): Promise<string> {
    return id;
  }

  // @ts-expect-error the argument may be missing, and the key function does not expect that
  @Locked((id: string) => `order:${id}`)
  async optional(id?: string): Promise<string | undefined> {
    return id;
  }

  // @ts-expect-error a rest of numbers is no list of texts
  @Locked((...ids: string[]) => ids)
  async numbers(...ids: number[]): Promise<number[]> {
    return ids;
  }

  // @ts-expect-error a name is a text, at once
  @Locked(async (id: string) => `order:${id}`)
  async promised(id: string): Promise<string> {
    return id;
  }
}

// So do `when` and `fallback`; what a fallback gives is what the method gives.
export class CallOptions {
  enabled = true;

  @Locked('order:<id>', {
    when(this: CallOptions, id: string) {
      return this.enabled && id !== '';
    },
    fallback: (error: LockBusyError, id: string) => `${id} in ${error.retryAfterMs} ms`,
  })
  async pay(id: string, _cents: number): Promise<string> {
    return id;
  }

  @Locked('feed', { fallback: () => of('busy'), when: async () => false })
  feed(): Observable<string> {
    return of('x');
  }

  @Locked('job', { onBusy: 'skip', fallback: (error) => error.code })
  async job(): Promise<void> {}

  // @ts-expect-error the method's argument is a text
  @Locked('order:<id>', { when: (id: number) => id > 0 })
  async whenOfOther(id: string): Promise<string> {
    return id;
  }

  // @ts-expect-error neither true nor false
  @Locked('order:<id>', { when: (id: string) => id })
  async whenOfText(id: string): Promise<string> {
    return id;
  }

  // @ts-expect-error the error comes first
  @Locked('order:<id>', { fallback: (id: string) => id })
  async fallbackWithoutError(id: string): Promise<string> {
    return id;
  }

  // @ts-expect-error the method's argument is a text
  @Locked('order:<id>', { fallback: (_error: LockBusyError, id: number) => String(id) })
  async fallbackOfOther(id: string): Promise<string> {
    return id;
  }

  // @ts-expect-error the method gives a text
  @Locked('order:<id>', { fallback: () => 5 })
  async fallbackGivesOther(id: string): Promise<string> {
    return id;
  }
}

// Options and names that come from elsewhere are not looked into.
const shared: LockedOptions = { leaseMs: 5_000, when: (flag: boolean) => flag };
const SLOW = { waitMs: 60_000, onBusy: 'wait' } as const;
export class FromElsewhere {
  @Locked('order:<id>', shared)
  async pay(id: string): Promise<string> {
    return id;
  }

  @Locked('order:<id>', SLOW)
  async refund(id: string): Promise<string> {
    return id;
  }

  // @ts-expect-error an accessor is no method
  @Locked('order')
  get total(): number {
    return 1;
  }
}

// On a class, and composed.
@Locked('group:<groupId>')
@Controller('groups/:groupId')
export class Groups {
  @Get()
  async show(): Promise<void> {}

  @NotLocked()
  free(): string {
    return 'free';
  }
}
export const OnePerGroup = (): MethodDecorator & ClassDecorator =>
  applyDecorators(
    Locked('group:<groupId>'),
    Locked((id: string) => id),
  );
