import { describe, expect, it } from '@jest/globals';
import {
  Body,
  DefaultValuePipe,
  Param,
  ParseBoolPipe,
  ParseEnumPipe,
  ParseFloatPipe,
  ParseIntPipe,
  ParseUUIDPipe,
  type PipeTransform,
  Query,
  StandardSchemaValidationPipe,
  ValidationPipe,
} from '@nestjs/common';
import { Expose, Transform, Type } from 'class-transformer';
import { Allow, IsOptional, IsUUID } from 'class-validator';
import * as fc from 'fast-check';
import { encodeNameValue } from '../../../lib/index.js';
import type { LockedMethod } from '../../../src/template/locked-method.js';
import { TemplateValueError } from '../../../src/template/template-value-error.js';
import { http, thrownBy } from './locked-method.js';

enum Kind {
  open = 'open',
  closed = 'closed',
}

class Item {
  @Transform(({ value }) => String(value).trim()) label!: string;
  @Type(() => Number) count!: number;
}

class Dto {
  @Allow() plain!: string;
  @Type(() => Number) count!: number;
  @Type(() => Boolean) flag!: boolean;
  @Type(() => Item) item!: Item;
  @Type(() => Item) items!: Item[];
  @Type(() => Number) counts!: number[];
  @Allow() declared!: number;
  @Allow() on!: boolean;
  @Transform(({ value }) => String(value).trim()) trimmed!: string;
  @Transform(({ value }) => String(value), { toPlainOnly: true }) shown!: string;
  @Expose({ name: 'group_id' }) groupId!: string;
  @Type(() => Date) day!: Date;
  @Type((options) => (options?.object === undefined ? Number : String)) depends!: unknown;
}
class Derived extends Dto {
  @IsOptional() own!: string;
  @IsUUID() id!: string;
  @IsUUID(4, { each: true }) ids!: string[];
}

const Bound = {
  integer: ParamOf(ParseIntPipe, Number),
  integerInstance: ParamOf(new ParseIntPipe({ optional: true }), Number),
  float: ParamOf(ParseFloatPipe, Number),
  boolean: ParamOf(ParseBoolPipe, Boolean),
  uuid: ParamOf(ParseUUIDPipe, String),
  kind: ParamOf(new ParseEnumPipe(Kind), String),
};

/** A handler whose argument 0 is `@Param('x', pipe)`, declared with `type`. */
function ParamOf(
  pipe: PipeTransform | (new () => PipeTransform) | undefined,
  type: unknown,
): { new (): object; prototype: object } {
  class Handler {
    get(x: unknown): unknown {
      return x;
    }
  }
  if (pipe === undefined) Param('x')(Handler.prototype, 'get', 0);
  else Param('x', pipe)(Handler.prototype, 'get', 0);
  Reflect.defineMetadata('design:paramtypes', [type], Handler.prototype, 'get');
  return Handler;
}

function nameOf(
  handler: { new (): object; prototype: object },
  x: unknown,
  more: Partial<LockedMethod> = {},
): string {
  return http(handler, 'get', 'x:<x>', more).fromRequest({ params: { x } })[0] ?? '';
}

const UPPER = '0F8FAD5B-D9CB-469F-A165-70867728950E';

describe('one resource, one lock: before the pipes,', () => {
  it.each([
    ['ParseIntPipe', Bound.integer, ['5', '05', '0005', 5], 'x:5'],
    ['ParseIntPipe, optional', Bound.integerInstance, ['-0', '0', '00'], 'x:0'],
    ['ParseFloatPipe', Bound.float, ['5', '5.0', '05', '5e0', 5], 'x:5'],
    ['ParseBoolPipe', Bound.boolean, ['true', true], 'x:true'],
    ['ParseUUIDPipe', Bound.uuid, [UPPER, UPPER.toLowerCase()], `x:${UPPER.toLowerCase()}`],
    ['ParseEnumPipe', Bound.kind, ['open'], 'x:open'],
    ['a parameter declared number', ParamOf(undefined, Number), ['5', '05', ' 5', '5.0'], 'x:5'],
    ['a parameter declared bigint', ParamOf(undefined, BigInt), ['5', '05'], 'x:5'],
  ])('%s gives every spelling of a value one name', (_, handler, spellings, name) => {
    expect(spellings.map((spelling) => nameOf(handler, spelling))).toEqual(spellings.map(() => name));
  });

  it('a global ValidationPipe with transform converts what is declared', () => {
    const globalPipes = [new ValidationPipe({ transform: true })];
    expect(nameOf(ParamOf(undefined, Number), '0x10', { globalPipes })).toBe('x:16');
    expect(nameOf(ParamOf(undefined, Boolean), 'true', { globalPipes })).toBe('x:true');
    expect(nameOf(ParamOf(undefined, Boolean), 'yes', { globalPipes })).toBe('x:false');
    expect(nameOf(ParamOf(undefined, String), '05', { globalPipes })).toBe('x:05');
    expect(() => nameOf(ParamOf(undefined, Number), 'abc', { globalPipes })).toThrow(
      /is "abc"; it must be a number/,
    );
  });

  it('a ValidationPipe converts nothing without transform, and nothing but params and queries', () => {
    class Handler {
      get(@Body('x') x: boolean): unknown {
        return x;
      }
    }
    const transform = { globalPipes: [new ValidationPipe({ transform: true })] };
    expect(nameOf(ParamOf(undefined, Boolean), 'yes', { globalPipes: [new ValidationPipe()] })).toBe('x:yes');
    expect(nameOf(ParamOf(undefined, Boolean), 'yes', { globalPipes: [ValidationPipe] })).toBe('x:yes');
    expect(http(Handler, 'get', 'x:<x>', transform).fromRequest({ body: { x: 'yes' } })).toEqual(['x:yes']);
  });

  it.each([
    [Bound.integer, '5.5', 'an integer'],
    [Bound.integer, 'abc', 'an integer'],
    [Bound.float, ' 5', 'a number'],
    [Bound.float, '0x10', 'a number'],
    [Bound.float, '5.5', 'a non-empty string, a safe integer'],
    [Bound.boolean, '1', 'true or false'],
    [Bound.uuid, 'abc', 'a UUID'],
    [Bound.integer, '90071992547409931', 'a non-empty string, a safe integer'],
  ])(
    'a value that the pipe refuses, or that has no exact name, is a client error',
    (handler, value, expected) => {
      const error = thrownBy<TemplateValueError>(() => nameOf(handler, value));
      expect(error.message).toContain(`it must be ${expected}`);
      expect(error.clientFault).toBe(true);
    },
  );

  it('a missing value has its DefaultValuePipe', () => {
    class Handler {
      get(@Query('x', new DefaultValuePipe(7), ParseIntPipe) x: number): unknown {
        return x;
      }
    }
    const names = http(Handler, 'get', 'x:<x>');
    expect(names.fromRequest({ query: {} })).toEqual(['x:7']);
    expect(names.fromRequest({ query: { x: '08' } })).toEqual(['x:8']);
    expect(() => names.fromRequest({ query: { x: '' } })).toThrow(/is ""; it must be an integer/);
  });

  it('a value in the handler phase keeps the same name as before the pipes', () => {
    const after = (handler: { new (): object; prototype: object }, x: unknown) =>
      http(handler, 'get', 'x:<x>', { phase: 'handler' }).fromArguments([x]);
    expect(after(Bound.uuid, UPPER)).toEqual([`x:${UPPER.toLowerCase()}`]);
    expect(after(Bound.integer, 5)).toEqual(['x:5']);
    expect(after(ParamOf(undefined, Number), '05')).toEqual(['x:5']);
  });

  it('a subclass of a known pipe is known while it only sets options, and unknown when it may do anything', () => {
    class AppPipe extends ValidationPipe {
      constructor() {
        super({ transform: true });
      }
    }
    class Lenient extends ParseIntPipe {
      override transform(value: string): Promise<number> {
        return Promise.resolve(Number(value) || 0);
      }
    }
    const patched = Object.assign(new ParseIntPipe(), { transform: Number });
    const literal = { transform: Number };
    expect(nameOf(ParamOf(undefined, Number), '0x5', { globalPipes: [new AppPipe()] })).toBe('x:5');
    expect(() => nameOf(ParamOf(undefined, Number), '5', { globalPipes: [AppPipe] })).toThrow(
      /passes through AppPipe/,
    );
    expect(() => nameOf(ParamOf(new Lenient(), Number), '5')).toThrow(/passes through Lenient/);
    expect(() => nameOf(ParamOf(patched, Number), '5')).toThrow(/passes through ParseIntPipe/);
    expect(() => nameOf(ParamOf(literal, Number), '5')).toThrow(/passes through a pipe without a class/);
  });

  it('a Standard Schema pipe without a schema changes nothing', () => {
    expect(
      nameOf(ParamOf(undefined, String), '05', { globalPipes: [new StandardSchemaValidationPipe()] }),
    ).toBe('x:05');
  });
});

describe('one resource, one lock: a field of a DTO', () => {
  class Handler {
    get(@Body() dto: Derived): unknown {
      return dto;
    }
  }
  const withPipe = (options?: object) => ({ globalPipes: [new ValidationPipe(options as never)] });
  const name = (field: string, value: unknown, options: object = { transform: true }) =>
    http(Handler, 'get', `x:<body.${field}>`, withPipe(options)).fromRequest({ body: value })[0];
  const obstacle =
    (field: string, options: object = { transform: true }) =>
    () =>
      http(Handler, 'get', `x:<body.${field}>`, withPipe(options));

  it('follows @Type, inherited and nested, and elements of arrays', () => {
    expect(name('count', { count: '05' })).toBe('x:5');
    expect(name('flag', { flag: 'no' })).toBe('x:true');
    expect(name('item.count', { item: { count: '05' } })).toBe('x:5');
    expect(name('items.1.count', { items: [{}, { count: '05' }] })).toBe('x:5');
    expect(name('counts[]', { counts: ['05'] })).toBe('x:5');
    expect(name('own', { own: '05' })).toBe('x:05');
    expect(name('plain', { plain: '05' })).toBe('x:05');
    expect(name('shown', { shown: '05' })).toBe('x:05');
    expect(name('unknown', { unknown: '05' })).toBe('x:05');
  });

  it('follows the declared type: with implicit conversion, and for numerals that nobody has parsed', () => {
    expect(
      name(
        'declared',
        { declared: '0x10' },
        { transform: true, transformOptions: { enableImplicitConversion: true } },
      ),
    ).toBe('x:16');
    const implicit = { transform: true, transformOptions: { enableImplicitConversion: true } };
    expect(name('on', { on: 'no' }, implicit)).toBe('x:true');
    expect(name('on', { on: 'no' })).toBe('x:no');
    expect(name('declared', { declared: '05' })).toBe('x:5');
  });

  it('is a UUID in lower case with @IsUUID, before the pipes and after them', () => {
    const after = http(Handler, 'get', 'x:<body.id>', { phase: 'handler' });
    expect(name('id', { id: UPPER })).toBe(`x:${UPPER.toLowerCase()}`);
    expect(name('ids[]', { ids: [UPPER] })).toBe(`x:${UPPER.toLowerCase()}`);
    expect(name('ids.0', { ids: [UPPER] })).toBe(`x:${UPPER.toLowerCase()}`);
    expect(name('own', { own: UPPER })).toBe(`x:${UPPER}`);
    expect(after.fromArguments([{ id: UPPER }])).toEqual([`x:${UPPER.toLowerCase()}`]);
  });

  it.each([
    ['trimmed', /a transforming decorator on Derived.trimmed/],
    ['groupId', /a transforming decorator on Derived.groupId/],
    ['group_id', /a transforming decorator on Derived.group_id/],
    ['item.label', /a transforming decorator on Item.label/],
    ['items.0.label', /a transforming decorator on Item.label/],
    ['day', /becomes a Date/],
    ['depends', /a type on Derived.depends that depends on the value/],
  ])('is a start-up error where what the handler sees cannot be known: %s', (field, message) => {
    expect(obstacle(field)).toThrow(message);
    expect(obstacle(field)).toThrow(/phase: 'handler'/);
  });

  it('is left alone by a pipe that only validates, but not by one that hands on a cleaned copy', () => {
    expect(name('trimmed', { trimmed: ' 5' }, {})).toBe('x:%205');
    expect(obstacle('trimmed', { whitelist: true })).toThrow(/a transforming decorator/);
    expect(obstacle('shown', { whitelist: true })).toThrow(/a transforming decorator/);
  });
});

function outcome(makeName: () => string | undefined): string | undefined {
  try {
    return makeName();
  } catch (error) {
    if (error instanceof TemplateValueError && error.clientFault) return 'refused';
    throw error;
  }
}

describe('the form worked out at start-up', () => {
  const pipes: [string, PipeTransform, unknown][] = [
    ['ParseIntPipe', new ParseIntPipe(), Number],
    ['ParseFloatPipe', new ParseFloatPipe(), Number],
    ['ParseBoolPipe', new ParseBoolPipe(), Boolean],
    ['ParseUUIDPipe', new ParseUUIDPipe(), String],
    ['ParseEnumPipe', new ParseEnumPipe(Kind), String],
    ['ValidationPipe, number', new ValidationPipe({ transform: true }), Number],
    ['ValidationPipe, boolean', new ValidationPipe({ transform: true }), Boolean],
    ['ValidationPipe, string', new ValidationPipe({ transform: true }), String],
  ];
  const numerals = fc.stringMatching(/^[-+]?0{0,2}\d{0,17}(?:\.\d{0,2})?(?:e\d)?$/);
  const words = fc.constantFrom(
    '',
    ' ',
    '0x1f',
    '0b1',
    'NaN',
    'Infinity',
    'true',
    'false',
    'TRUE',
    'open',
    'closed',
    ' 5 ',
    '5\n',
  );
  const raw = fc.oneof(
    numerals,
    words,
    fc.string({ unit: 'binary' }),
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
  );

  it.each(pipes)('gives what %s really does, for any text a client sends', async (_, pipe, type) => {
    const handler = ParamOf(pipe, type);
    await fc.assert(
      fc.asyncProperty(raw, async (text) => {
        const metadata = { type: 'param', data: 'x', metatype: type } as never;
        const final: unknown = await Promise.resolve(pipe.transform(text, metadata)).catch(() => undefined);
        const canonical = pipe instanceof ParseUUIDPipe ? String(final).toLowerCase() : final;
        const isBlankNumber = type === Number && text.trim() === ''; // JavaScript says 0; no client means it
        const expected = final === undefined || isBlankNumber ? undefined : encodeNameValue(canonical);
        const name = outcome(() => nameOf(handler, text));
        // What a pipe refuses may get a name (the pipe refuses it afterwards); what it accepts has exactly that name.
        expect(name).toBe(final === undefined ? name : expected === undefined ? 'refused' : `x:${expected}`);
      }),
      { numRuns: 500 },
    );
  });

  it('gives what ValidationPipe really makes of a DTO', async () => {
    const pipe = new ValidationPipe({ transform: true });
    class Handler {
      get(@Body() dto: Dto): unknown {
        return dto;
      }
    }
    const values = fc.oneof(numerals, words, fc.boolean(), fc.integer());
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('plain', 'count', 'flag', 'shown'), values, async (field, value) => {
        const dto = (await pipe.transform({ [field]: value }, { type: 'body', metatype: Dto })) as Record<
          string,
          unknown
        >;
        const isBlank =
          value === '' || (field === 'count' && typeof value === 'string' && value.trim() === '');
        const expected = isBlank ? undefined : encodeNameValue(dto[field]);
        const names = http(Handler, 'get', `x:<body.${field}>`, { globalPipes: [pipe] });
        const name = outcome(() => names.fromRequest({ body: { [field]: value } })[0]);
        // An empty text declared boolean is false to class-transformer; we may take it so, or refuse it as missing.
        const isFree = field === 'flag' && isBlank;
        expect(name).toBe(isFree ? name : expected === undefined ? 'refused' : `x:${expected}`);
      }),
      { numRuns: 500 },
    );
  });
});
