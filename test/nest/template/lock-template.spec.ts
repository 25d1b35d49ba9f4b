import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LockUsageError } from '../../../lib/index.js';
import { parseTemplate, type Placeholder } from '../../../src/template/lock-template.js';

const PLACE = 'GroupsController.join';

function placeholder(text: string): Placeholder {
  const found = parseTemplate(`lock:${text}`, PLACE).parts[1];
  if (typeof found !== 'object') throw new Error(`no placeholder in ${text}`);
  return found;
}

function refusal(text: string): LockUsageError {
  try {
    parseTemplate(text, PLACE);
  } catch (error) {
    return error as LockUsageError;
  }
  throw new Error(`accepted: ${text}`);
}

/** The template put together again from its parts, or the code of the usage error. */
function shownAgain(text: string): string {
  try {
    const { parts } = parseTemplate(text, PLACE);
    return parts.map((part) => (typeof part === 'string' ? part.replaceAll('<', '<<') : part.raw)).join('');
  } catch (error) {
    if (error instanceof LockUsageError) return error.code;
    throw error;
  }
}

describe('a template', () => {
  it('keeps its literal text and finds each kind of placeholder', () => {
    expect(parseTemplate('group:<groupId>:member/<user.id>', PLACE).parts).toEqual([
      'group:',
      { raw: '<groupId>', source: 'bare', path: ['groupId'], each: false },
      ':member/',
      { raw: '<user.id>', source: 'user', path: ['id'], each: false },
    ]);
    expect(placeholder('<body.items.0.id>')).toMatchObject({ source: 'body', path: ['items', '0', 'id'] });
    expect(placeholder('<headers.x-tenant-id>')).toMatchObject({ source: 'headers', path: ['x-tenant-id'] });
    expect(placeholder('<0>')).toMatchObject({ source: 'argument', index: 0, path: [] });
    expect(placeholder('<12.order.id>')).toMatchObject({
      source: 'argument',
      index: 12,
      path: ['order', 'id'],
    });
    expect(placeholder('<groupId:int>')).toMatchObject({ source: 'bare', path: ['groupId'], format: 'int' });
    expect(placeholder('<body.ids[]:lower>')).toMatchObject({
      source: 'body',
      path: ['ids'],
      each: true,
      format: 'lower',
    });
    expect(placeholder('<user>')).toMatchObject({ source: 'bare', path: ['user'] });
    expect(placeholder('<2fa>')).toMatchObject({ source: 'bare', path: ['2fa'] });
  });

  it('writes a literal < as << and takes a lone > as it is', () => {
    expect(parseTemplate('a<<b>c', PLACE).parts).toEqual(['a<b>c']);
    expect(parseTemplate('<<<x>', PLACE).parts).toMatchObject(['<', { raw: '<x>' }]);
  });

  it.each([
    ['group:<groupId', /the < at character 7 is not closed; write << for a literal </],
    ['group:<>', /<> is empty/],
    ['group:<:int>', /<:int> is empty/],
    ['group:<id:hex>', /unknown formatter "hex"; known: int, lower, upper/],
    ['group:<id:>', /unknown formatter ""/],
    ['group:<a..b>', /has the part ""/],
    ['group:<a b>', /has the part "a b"/],
    ['group:<a[0]>', /is not understood/],
    ['group:<a<b>', /has the part "a<b"/],
    ['group:<ids[]>:<more[]>', /only one placeholder may have \[\]/],
    ['', /must be a non-empty string such as 'group:<groupId>', got ""/],
    ['  ', /must be a non-empty string/],
    ['a\0<b>', /NUL character/],
    ['a\ud800<b>', /half of a surrogate pair/],
  ])('refuses %j when the class is defined', (text, message) => {
    const error = refusal(text);
    expect(error.code).toBe('LOCK_TEMPLATE_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).toContain(PLACE);
  });

  it('refuses two values that no separator keeps apart: they would share names', () => {
    expect(refusal('g:<a><b>').message).toMatch(
      /<a> and <b> need a separator that no value contains, such as : or \//,
    );
    expect(refusal('g:<a>-<b>').message).toMatch(/need a separator/);
    expect(refusal('g:<a>%3A<b>').message).toMatch(/need a separator/);
    expect(() => parseTemplate('g:<a>-x:<b>', PLACE)).not.toThrow();
  });

  it.each([
    '<__proto__>',
    '<body.__proto__.x>',
    '<user.constructor.name>',
    '<0.prototype>',
    '<constructor[]:int>',
  ])('refuses %s, which leads to the class of a value', (text) => {
    const error = refusal(`lock:${text}`);
    expect(error.code).toBe('LOCK_TEMPLATE_FORBIDDEN');
    expect(error.message).toContain(`@Locked('lock:${text}') on ${PLACE}: ${text} reads`);
  });

  it('never throws anything but a usage error, and what it accepts it can show again', () => {
    const pieces = fc.constantFrom(
      '<',
      '>',
      '<<',
      '[]',
      ':',
      '.',
      'int',
      'body',
      'a',
      '0',
      'constructor',
      '-',
      'é',
      '\0',
      ' ',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const shown = shownAgain(text);
        expect([text, 'LOCK_TEMPLATE_INVALID', 'LOCK_TEMPLATE_FORBIDDEN']).toContain(shown);
      }),
      { numRuns: 2_000 },
    );
  });
});
