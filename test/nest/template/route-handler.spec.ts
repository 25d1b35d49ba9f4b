import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  createParamDecorator,
  Get,
  Headers,
  Param,
  ParseArrayPipe,
  ParseDatePipe,
  ParseIntPipe,
  type PipeTransform,
  Post,
  Query,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { LockKey } from '../../../src/decorators/lock-key.decorator.js';
import type { LockedMethod } from '../../../src/template/locked-method.js';
import type { TemplateValueError } from '../../../src/template/template-value-error.js';
import { http, thrownBy } from './locked-method.js';

const CurrentUser = createParamDecorator((field: string) => field);

class TrimPipe implements PipeTransform {
  transform(value: string): string {
    return value.trim();
  }
}

class JoinDto {
  groupId!: string;
}

@Controller('groups')
class Groups {
  @Post(':groupId/members')
  join(@Param('groupId') id: string, @Body() dto: JoinDto): unknown {
    return [id, dto];
  }
  @Post(':groupId/things')
  sources(
    @Query('q') q: string,
    @Body('item') item: { id: string },
    @Headers('X-Tenant') tenant: string,
    @LockKey('alias') @Param('number', ParseIntPipe) n: number,
    @CurrentUser('account') account: { id: string },
    @LockKey('nobody') unbound?: string,
    @LockKey('whole') @Query() all?: object,
  ): unknown {
    return [q, item, tenant, n, account, unbound, all];
  }
  @Get()
  twice(@Param('id') a: string, @Body('id') b: string): unknown {
    return [a, b];
  }
  @Get()
  trimmed(@Param('groupId', TrimPipe) groupId: string, @Param('free') free: string): unknown {
    return [groupId, free];
  }
  @Get()
  list(
    @Query('ids', new ParseArrayPipe({ items: Number })) ids: number[],
    @Query('day', ParseDatePipe) day: Date,
  ): unknown {
    return [ids, day];
  }
}

const MEMBERS = { routePaths: ['/groups/:groupId/members'] };

describe('a template on a route handler, in phase request,', () => {
  it('reads the parameter that Nest binds, the path, and any part that is written out', () => {
    const values = {
      params: { groupId: '4 2' },
      query: { x: 'q' },
      body: { items: [{ id: 7 }] },
      user: { id: 'u' },
    };
    const names = (spec: string, more: Partial<LockedMethod> = MEMBERS) =>
      http(Groups, 'join', spec, more).fromRequest({ ...values, headers: { 'x-tenant': 't' } });
    expect(names('g:<groupId>')).toEqual(['g:4%202']);
    expect(names('g:<params.groupId>')).toEqual(['g:4%202']);
    expect(names('g:<query.x>/<body.items.0.id>/<headers.X-Tenant>/<user.id>')).toEqual(['g:q/7/t/u']);
    expect(names('g:<0>')).toEqual(['g:4%202']);
  });

  it('reads what each decorator of Nest binds, and what @LockKey names', () => {
    const values = {
      params: { number: '05' },
      query: { q: 'a' },
      body: { item: { id: 'i' } },
      headers: { 'x-tenant': 't' },
    };
    const names = (spec: string) => http(Groups, 'sources', spec).fromRequest(values);
    expect(names('x:<q>')).toEqual(['x:a']);
    expect(names('x:<item.id>')).toEqual(['x:i']);
    expect(names('x:<X-Tenant>')).toEqual(['x:t']);
    expect(names('x:<x-tenant>')).toEqual(['x:t']);
    expect(names('x:<alias>')).toEqual(['x:5']);
    expect(names('x:<number>')).toEqual(['x:5']);
    expect(names('x:<3>')).toEqual(['x:5']);
    expect(names('x:<whole.q>')).toEqual(['x:a']);
  });

  it.each([
    ['missing', {}, 'undefined'],
    ['empty', { x: '' }, '""'],
    ['repeated', { x: ['1', '2'] }, 'an array'],
    ['an object', { x: { y: '1' } }, 'an object'],
  ])("is the client's fault when the value is %s", (_, query, shown) => {
    const error = thrownBy<TemplateValueError>(() =>
      http(Groups, 'join', 'g:<query.x>').fromRequest({ query }),
    );
    expect(error).toMatchObject({ code: 'LOCK_TEMPLATE_UNRESOLVED', clientFault: true });
    expect(error.message).toContain(`@Locked('g:<query.x>') on Groups.join: <query.x> is ${shown};`);
  });

  it("is not the client's fault when the request has no user", () => {
    const error = thrownBy<TemplateValueError>(() => http(Groups, 'join', 'g:<user.id>').fromRequest({}));
    expect(error.clientFault).toBe(false);
  });

  it('takes one element or several from a query for [], and gives each one name', () => {
    const names = http(Groups, 'join', 'g:<query.ids[]:int>');
    expect(names.fromRequest({ query: { ids: ['1', '2', '01'] } })).toEqual(['g:1', 'g:2']);
    expect(names.fromRequest({ query: { ids: '7' } })).toEqual(['g:7']);
    expect(() => http(Groups, 'join', 'g:<body.ids[]>').fromRequest({ body: { ids: '7' } })).toThrow(
      /\[\] needs an array/,
    );
  });

  it('never repeats a header in a message', () => {
    const names = http(Groups, 'join', 'g:<headers.authorization:int>');
    const error = thrownBy(() => names.fromRequest({ headers: { authorization: 'Bearer secret' } }));
    expect(error.message).toMatch(/is not usable; it must be an integer/);
  });

  it('can be made from the arguments too, for code that calls the handler directly', () => {
    expect(http(Groups, 'join', 'g:<groupId>', MEMBERS).fromArguments(['42', {}])).toEqual(['g:42']);
    const names = http(Groups, 'join', 'g:<query.x>');
    expect(names.fromArguments(['42', {}], { query: { x: '1' } })).toEqual(['g:1']);
    expect(() => names.fromArguments(['42', {}])).toThrow(/<query.x> is undefined/);
  });
});

describe('a template on a route handler, in phase handler,', () => {
  const after = { phase: 'handler' as const, ...MEMBERS };

  it('reads the final arguments, by binding, by @LockKey, by place and by parameter name', () => {
    expect(http(Groups, 'join', 'g:<groupId>', after).fromArguments(['42', {}])).toEqual(['g:42']);
    expect(http(Groups, 'join', 'g:<params.groupId>', after).fromArguments(['42', {}])).toEqual(['g:42']);
    expect(http(Groups, 'join', 'g:<body.groupId>', after).fromArguments(['42', { groupId: 'b' }])).toEqual([
      'g:b',
    ]);
    expect(http(Groups, 'join', 'g:<dto.groupId>', after).fromArguments(['42', { groupId: 'b' }])).toEqual([
      'g:b',
    ]);
    expect(http(Groups, 'join', 'g:<1.groupId>', after).fromArguments(['42', { groupId: 'b' }])).toEqual([
      'g:b',
    ]);
    expect(http(Groups, 'join', 'g:<id>', after).fromArguments(['42', {}])).toEqual(['g:42']);
    const things = { phase: 'handler' as const };
    expect(http(Groups, 'sources', 'g:<alias>', things).fromArguments([0, 0, 0, 5])).toEqual(['g:5']);
    expect(
      http(Groups, 'sources', 'g:<account.id>', things).fromArguments([0, 0, 0, 0, { id: 'a' }]),
    ).toEqual(['g:a']);
  });

  it('reads from the request what Nest binds to no argument', () => {
    expect(http(Groups, 'join', 'g:<user.id>', after).fromArguments(['42', {}], { user: { id: 1 } })).toEqual(
      ['g:1'],
    );
  });

  it('tells the fault of the client from ours', () => {
    const faultOf = (spec: string) =>
      thrownBy<TemplateValueError>(() =>
        http(Groups, 'sources', spec, { phase: 'handler' }).fromArguments([], {}),
      ).clientFault;
    expect(faultOf('g:<q>')).toBe(true);
    expect(faultOf('g:<account.id>')).toBe(false);
    expect(faultOf('g:<user.id>')).toBe(false);
  });

  it('does not mind pipes it does not know: their work is done', () => {
    expect(http(Groups, 'trimmed', 'g:<groupId>', { phase: 'handler' }).fromArguments(['42'])).toEqual([
      'g:42',
    ]);
  });
});

describe('at start-up, on a route handler,', () => {
  const message = (methodName: string, spec: string, more: Partial<LockedMethod> = {}) =>
    thrownBy(() => http(Groups, methodName, spec, more)).message;

  it('a typo is an error that says what is known', () => {
    expect(message('join', 'group:<groupid>', MEMBERS)).toBe(
      "@Locked('group:<groupid>') on Groups.join: <groupid> is not bound by any parameter (a field of the body is written <body.groupid>); known here: groupId. Did you mean <groupId>?",
    );
  });

  it('a field of the body is not found by its bare name, nor by the name of the parameter', () => {
    expect(message('join', 'g:<dto.groupId>')).toMatch(/under that name; argument 1 is <body.groupId>;/);
    expect(message('join', 'g:<id>')).toMatch(
      /under that name; argument 0 is <params.groupId>; known here: groupId/,
    );
    expect(message('join', 'g:<name>')).toMatch(/a field of the body is written <body.name>/);
  });

  it('a path parameter that a route does not have is an error', () => {
    expect(message('join', 'g:<params.groupid>', MEMBERS)).toMatch(
      /is not a parameter of the route \/groups\/:groupId\/members; known here: params.groupId. Did you mean <params.groupId>\?/,
    );
    const two = { routePaths: ['/a/:x/:y', '/b/:x'] };
    expect(() => http(Groups, 'list', 'g:<x>', two)).not.toThrow();
    expect(message('list', 'g:<y>', two)).toMatch(/<y> is not bound by any parameter/);
    expect(message('list', 'g:<params.y>', two)).toMatch(/not a parameter of the route \/a\/:x\/:y, \/b\/:x/);
  });

  it.each(['/g/:groupId{/:other}', '/g/:groupId(\\d+)', '/g/:groupId.:format', '/*groupId'])(
    'knows the parameters of %s',
    (path) => {
      expect(() => http(Groups, 'list', 'g:<groupId>', { routePaths: [path] })).not.toThrow();
    },
  );

  it('an escaped colon in a path is text', () => {
    expect(message('list', 'g:<time>', { routePaths: ['/g/\\:time/:id'] })).toMatch(
      /known here: ids, day, id\./,
    );
  });

  it('a name from two sources is ambiguous: the client must not choose the source', () => {
    expect(message('twice', 'g:<id>')).toMatch(
      /<id> is ambiguous: it may be <params.id> or <body.id>; write the one you mean/,
    );
    expect(message('sources', 'g:<q>', { routePaths: ['/x/:q'] })).toMatch(
      /ambiguous: it may be <query.q> or <params.q>/,
    );
    expect(() => http(Groups, 'twice', 'g:<params.id>')).not.toThrow();
  });

  it('a part of the request that is also the name of a bound value is ambiguous', () => {
    class Rivals {
      get(@Body('user') user: { id: string }): unknown {
        return user;
      }
    }
    expect(() => http(Rivals, 'get', 'g:<user.id>')).toThrow(
      /<user.id> is ambiguous: "user" is a part of the request and also <body.user.id>/,
    );
    expect(() => http(Rivals, 'get', 'g:<body.user.id>')).not.toThrow();
  });

  it('a parameter that a prefix of the application adds to the path is known when it is bound', () => {
    class Prefixed {
      get(@Param('tenant') tenant: string): unknown {
        return tenant;
      }
    }
    const routes = { routePaths: ['/groups'] };
    expect(
      http(Prefixed, 'get', 'g:<params.tenant>', routes).fromRequest({ params: { tenant: 't' } }),
    ).toEqual(['g:t']);
    expect(() => http(Prefixed, 'get', 'g:<params.other>', routes)).toThrow(/bind it: @Param\('other'\)/);
  });

  it('a value bound twice has the form that its pipes give it', () => {
    class Twice {
      get(@Param('id') raw: string, @Param('id', ParseIntPipe) id: number): unknown {
        return [raw, id];
      }
    }
    class Swapped {
      get(@Param('id', ParseIntPipe) id: number, @Param('id') raw: string): unknown {
        return [raw, id];
      }
    }
    for (const handler of [Twice, Swapped]) {
      for (const spec of ['g:<id>', 'g:<params.id>']) {
        expect(http(handler, 'get', spec).fromRequest({ params: { id: '05' } })).toEqual(['g:5']);
      }
    }
  });

  it('an argument that exists only after the pipes is an error before them', () => {
    expect(message('sources', 'g:<account.id>')).toMatch(
      /<account.id> is argument 4, which is made after the lock is taken; .*<user.id>.*phase: 'handler'/,
    );
  });

  it('an argument that Nest does not fill is an error', () => {
    expect(message('sources', 'g:<nobody>')).toMatch(/<nobody> is argument 5, to which Nest binds nothing/);
    expect(message('sources', 'g:<9>')).toMatch(/<9> is argument 9, to which Nest binds nothing/);
  });

  it('a whole part of the request is an error', () => {
    expect(message('sources', 'g:<whole>')).toMatch(/<whole> is the whole query; name a field of it/);
    expect(message('join', 'g:<1>')).toMatch(/<1> is the whole body/);
  });

  it('an unknown transforming pipe is an error that names the pipe and the three remedies', () => {
    expect(message('trimmed', 'group:<groupId>')).toBe(
      "@Locked('group:<groupId>') on Groups.trimmed: <groupId> passes through TrimPipe, which may change the value after the lock's name is made, so that two spellings of one resource could get two locks. Fix: a formatter (<groupId:int>, :lower, :upper), a key function, or phase: 'handler', which locks after the pipes",
    );
    expect(message('trimmed', 'g:<free>', { globalPipes: [new TrimPipe()] })).toMatch(
      /passes through TrimPipe/,
    );
    expect(message('list', 'g:<ids[]>')).toMatch(/passes through ParseArrayPipe/);
    expect(message('list', 'g:<day>')).toMatch(/passes through ParseDatePipe/);
  });

  it('an unknown pipe is no obstacle for a formatter, for another argument, or where no pipe runs', () => {
    expect(http(Groups, 'trimmed', 'g:<groupId:int>').fromRequest({ params: { groupId: '05' } })).toEqual([
      'g:5',
    ]);
    expect(() => http(Groups, 'trimmed', 'g:<free>')).not.toThrow();
    const everywhere = { globalPipes: [new TrimPipe()] };
    expect(() => http(Groups, 'sources', 'g:<x-tenant>', everywhere)).not.toThrow();
    expect(() => http(Groups, 'sources', 'g:<user.id>', everywhere)).not.toThrow();
    expect(() => http(Groups, 'sources', 'g:<params.unbound>', everywhere)).not.toThrow();
  });

  it('pipes of the class and of the method count, above @Locked or below it', () => {
    @UsePipes(TrimPipe)
    class ByClass {
      get(@Param('id') id: string): unknown {
        return id;
      }
    }
    class ByMethod {
      @UsePipes(new ValidationPipe(), TrimPipe)
      get(@Param('id') id: string): unknown {
        return id;
      }
    }
    expect(() => http(ByClass, 'get', 'g:<id>')).toThrow(/passes through TrimPipe/);
    expect(() => http(ByMethod, 'get', 'g:<id>')).toThrow(/passes through TrimPipe/);
  });

  it('an inherited handler keeps its bindings, and an overridden one replaces its keys', () => {
    class Inherits extends Groups {}
    class Base {
      get(@LockKey('old') id: string): unknown {
        return id;
      }
    }
    class Overrides extends Base {
      override get(@LockKey('fresh') id: string): unknown {
        return id;
      }
    }
    const overridden = (spec: string) => () =>
      http(Overrides, 'get', spec, { kind: 'method', phase: 'handler' });
    expect(overridden('g:<fresh>')().fromArguments(['1'])).toEqual(['g:1']);
    expect(overridden('g:<old>')).toThrow(/<old> is not a parameter of this method; known here: fresh, id\./);
    expect(http(Inherits, 'sources', 'g:<alias>').fromRequest({ params: { number: '05' } })).toEqual(['g:5']);
  });
});
