import { Controller, Get, Injectable, Param, type Provider } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { CurrentLease, type Lease, Locked, LockKey, LockService } from '../../src/index.js';
import { ADAPTERS, startApp, startUpError } from './support/start-app.js';

/** As many decorators do that know nothing of metadata: a plain function that calls the method. */
function Plain(): MethodDecorator {
  return (_target, _name, descriptor) => {
    const { value } = descriptor;
    const call = value as unknown as (...args: unknown[]) => unknown;
    const wrapper = function (this: unknown, ...args: unknown[]) {
      return call.apply(this, args);
    };
    descriptor.value = wrapper as never;
  };
}

/** As «autobind» decorators do: an accessor that binds when it is read, and breaks when it is read on the prototype. */
function Bound(): MethodDecorator {
  return (target, name, { value }) =>
    ({
      configurable: true,
      get(this: object) {
        if (this === target) throw new Error('read on the prototype');
        return (value as unknown as () => unknown).bind(this);
      },
    }) as never;
}

/** The method itself, and `@Locked` forgotten. */
function Undo(original: () => unknown): MethodDecorator {
  return (_target, _name, descriptor) => void (descriptor.value = original as never);
}

describe('a decorator above @Locked that copies no metadata', () => {
  it.each(ADAPTERS)('is locked round, with the names of the request (%s)', async (adapter) => {
    let inside: Lease | undefined;
    const seen: string[] = [];
    const Noting = (): MethodDecorator => (_target, _name, descriptor) => {
      const call = descriptor.value as unknown as (...args: unknown[]) => unknown;
      descriptor.value = async function (this: Orders, ...args: unknown[]) {
        seen.push((await this.locks.isLocked('order:7')) ? 'locked' : 'open');
        return call.apply(this, args);
      } as never;
    };
    @Controller('orders')
    class Orders {
      constructor(readonly locks: LockService) {}
      @Get(':orderId')
      @Noting()
      @Locked('order:<params.orderId>')
      async pay(@Param('orderId') id: string, @CurrentLease() lease?: Lease) {
        inside = lease;
        return id;
      }
    }
    await using running = await startApp({ adapter, controllers: [Orders] });
    const answer = await fetch(`${running.url}/orders/7`);
    expect(await answer.text()).toBe('7');
    expect(inside?.name).toBe('order:7');
    expect(seen).toEqual(['locked']);
  });

  it('does not hide a typo from the start, on a route and on a service', async () => {
    @Controller()
    class Shop {
      @Get(':itemId')
      @Plain()
      @Locked('item:<itemid>')
      async buy(@Param('itemId') itemId: string) {
        return itemId;
      }
    }
    expect(await startUpError({ controllers: [Shop] })).toMatch(/Shop\.buy: <itemid>.*Did you mean <itemId>/);
    @Injectable()
    class Orders {
      @Plain()
      @Plain()
      @Locked('order:<orderid>')
      async pay(orderId: string) {
        return orderId;
      }
    }
    expect(await startUpError({ providers: [Orders] })).toMatch(
      /Orders\.pay: <orderid>.*Did you mean <orderId>/,
    );
  });

  it('does not make @CurrentLease and @LockKey look inert', async () => {
    @Injectable()
    class Orders {
      @Plain()
      @Locked('order:<id>')
      async pay(@LockKey('id') orderId: string, @CurrentLease() lease?: Lease) {
        return `${orderId} under ${lease?.name}`;
      }
    }
    await using running = await startApp({ providers: [Orders] });
    expect(await running.app.get(Orders).pay('7')).toBe('7 under order:7');
  });

  it('may be an accessor: checked at the start, read on no prototype, locked when called', async () => {
    const classes = ['order:<orderId>', 'order:<nope>'].map((template) => {
      @Injectable()
      class Orders {
        @Bound()
        @Locked(template)
        async pay(orderId: string, @CurrentLease() lease?: Lease) {
          return `${orderId} under ${lease?.name}`;
        }
      }
      return Orders;
    });
    const [Orders, Wrong] = classes as [(typeof classes)[0], (typeof classes)[0]];
    await using running = await startApp({ providers: [Orders] });
    const orders = running.app.get(Orders);
    const pay = Reflect.get(orders, 'pay') as (orderId: string) => Promise<string>; // alone: it is bound
    expect(await pay('7')).toBe('7 under order:7');
    expect(await startUpError({ providers: [Wrong] })).toContain('Orders.pay: <nope>');
  });

  it('is checked in a subclass, and on a static method, too', async () => {
    class Base {
      @Plain()
      @Locked('order:<nope>')
      async pay(orderId: string) {
        return orderId;
      }
    }
    @Injectable()
    class Orders extends Base {}
    expect(await startUpError({ providers: [Orders] })).toContain('Orders.pay: <nope>');
    @Injectable()
    class Reports {
      @Plain()
      @Locked('report:<nope>')
      static async make(id: string) {
        return id;
      }
    }
    expect(await startUpError({ providers: [Reports] })).toContain('Reports.make: <nope>');
  });

  it('may be on the class, and wrap every method of its prototype', async () => {
    const Traced: ClassDecorator = (target) => {
      const prototype = target.prototype as Record<string, (...args: unknown[]) => unknown>;
      for (const name of Object.getOwnPropertyNames(prototype).filter((each) => each !== 'constructor')) {
        const call = prototype[name]!;
        prototype[name] = function (this: unknown, ...args) {
          return call.apply(this, args);
        };
      }
    };
    @Traced
    @Controller()
    class Shop {
      @Get(':itemId')
      @Locked('item:<itemId>')
      async buy(@Param('itemId') itemId: string, @CurrentLease() lease?: Lease) {
        return `${itemId} under ${lease?.name}`;
      }
      @Locked('item:<nope>')
      async sell(itemId: string) {
        return itemId;
      }
    }
    expect(await startUpError({ controllers: [Shop] })).toContain('Shop.sell: <nope>');
  });

  it('that takes the method away is named, because nothing would be locked', async () => {
    const original = async (): Promise<string> => 'paid';
    const decorated = (Above: MethodDecorator): Provider => {
      class Orders {}
      Object.defineProperty(Orders.prototype, 'pay', { configurable: true, value: original });
      const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'pay') as PropertyDescriptor;
      Locked('order')(Orders.prototype, 'pay', descriptor);
      Above(Orders.prototype, 'pay', descriptor);
      Object.defineProperty(Orders.prototype, 'pay', descriptor);
      return Orders;
    };
    expect(await startUpError({ providers: [decorated(Undo(original))] })).toBe(
      '@Locked on Orders.pay would lock nothing: a decorator above it put something that does not call it in its place; write @Locked above that one',
    );
  });

  it('that puts one function over two methods is named, because it cannot stand for both', async () => {
    const both = async (): Promise<string> => 'done';
    @Injectable()
    class Orders {
      @Undo(both)
      @Locked('order:pay')
      async pay() {
        return 'paid';
      }
      @Undo(both)
      @Locked('order:cancel')
      async cancel() {
        return 'cancelled';
      }
    }
    expect(await startUpError({ providers: [Orders] })).toMatch(
      /@Locked on Orders\.cancel would lock nothing: .* put the method of Orders\.pay in its place/,
    );
  });

  it('does not hide that @Locked stands there twice', () => {
    expect(() => {
      class Orders {
        @Locked('order')
        @Plain()
        @Locked('payment')
        async pay() {
          return 'paid';
        }
      }
      return Orders;
    }).toThrow('@Locked on Orders.pay: @Locked stands there twice');
  });
});
