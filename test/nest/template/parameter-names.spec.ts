import { describe, expect, it } from '@jest/globals';
import { parameterNames, type ShownParameters } from '../../../src/template/parameter-names.js';

// oxlint-disable-next-line typescript/no-unsafe-function-type
function namesOf(method: Function): string[] | null {
  const places = ({ name, index, path, rest }: ShownParameters['names'][number]) =>
    `${name}@${[index, ...path].join('.')}${rest ? '…' : ''}`;
  return parameterNames(method)?.names.map(places) ?? null;
}

/** Compiled here, so that no build step rewrites what the parser is to read. */
// oxlint-disable-next-line typescript/no-unsafe-function-type
function method(source: string): Function {
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function(`return class Base { ${source} }`) as () => { prototype: Record<string, never> };
  const { prototype } = make();
  const [name = ''] = Object.getOwnPropertyNames(prototype).filter((key) => key !== 'constructor');
  return prototype[name] as never;
}

describe('parameter names', () => {
  it.each([
    ['join(groupId, userId) {}', ['groupId@0', 'userId@1']],
    ['async join(groupId) { await 1; }', ['groupId@0']],
    ['*join(groupId) { yield groupId; }', ['groupId@0']],
    ['async *join(groupId) { yield groupId; }', ['groupId@0']],
    ['join() {}', []],
    ['["odd name"](groupId) {}', ['groupId@0']],
    ['"quoted-name"(groupId) {}', ['groupId@0']],
    ['async(groupId) {}', ['groupId@0']],
    ['get(groupId) {}', ['groupId@0']],
    ['function(groupId) {}', ['groupId@0']],
    ['join(groupId) { return super.toString() + this.#secret; } #secret = 1;', ['groupId@0']],
    ['join(größe, $id, _x) {}', ['größe@0', '$id@1', '_x@2']],
    ['join(a /* , b */, // c\n d) {}', ['a@0', 'd@1']],
  ])('are read from %s', (source, names) => {
    expect(namesOf(method(source))).toEqual(names);
  });

  it.each([
    ['join(a = Math.max(1, 2), id) {}', ['a@0', 'id@1']],
    ['join(groupId = f(1, 2), user) {}', ['groupId@0', 'user@1']],
    ['join(cb = (a, b) => a, groupId) {}', ['cb@0', 'groupId@1']],
    ['join(sep = ")", groupId) {}', ['sep@0', 'groupId@1']],
    ['join(text = `a${(x) => ")"},b`, groupId) {}', ['text@0', 'groupId@1']],
    ['join(pattern = /[)(,]/, groupId) {}', ['pattern@0', 'groupId@1']],
    ['join(options = { a: 1, b: [2] }, groupId) {}', ['options@0', 'groupId@1']],
  ])('are right behind a default value that fools regular expressions: %s', (source, names) => {
    expect(namesOf(method(source))).toEqual(names);
  });

  it.each([
    ['join({ groupId, user: { id: userId } }) {}', ['groupId@0.groupId', 'userId@0.user.id']],
    ['join({ groupId = "main", "a b": c } = {}, other) {}', ['groupId@0.groupId', 'c@0.a b', 'other@1']],
    ['join([first, , third]) {}', ['first@0.0', 'third@0.2']],
    ['join({ a, ...others }, [b, ...more]) {}', ['a@0.a', 'b@1.0']],
    ['join({ [f()]: computed, a }) {}', ['a@0.a']],
    ['join({ [key]: computed, a }) {}', ['a@0.a']],
    ['join(first, ...ids) {}', ['first@0', 'ids@1…']],
    ['join(...[a, b]) {}', ['a@0.0…', 'b@0.1…']],
  ])('follow destructuring and rest parameters: %s', (source, names) => {
    expect(namesOf(method(source))).toEqual(names);
  });

  it('are read from functions and arrows that another decorator put in the place of the method', () => {
    expect(
      namesOf(function named(groupId: string) {
        return groupId;
      }),
    ).toEqual(['groupId@0']);
    expect(namesOf(async (groupId: string) => groupId)).toEqual(['groupId@0']);
    expect(namesOf((...args: unknown[]) => args)).toEqual(['args@0…']);
  });

  it('are null, never a guess, where the source does not show them', () => {
    expect(namesOf(parameterNames.bind(undefined))).toBeNull();
    expect(namesOf(new Proxy(parameterNames, {}))).toBeNull();
    expect(namesOf(Math.max)).toBeNull();
    expect(namesOf(class Group {})).toBeNull();
  });

  it.each([
    ['async pay(e,t){return e+t}', 'minified'], // esbuild, terser and swc print this
    ['async pay(e="x",{cents:t,deep:{more:r}}={},...n){return e+t+r+n}', 'minified'],
    ['async pay(aa,b){return aa+b}', 'minified'],
    ['async pay(e, t) {}', 'perhaps'], // esbuild with minifyIdentifiers only
    ['async pay(a, b) {}', 'perhaps'],
    ['async pay(id) {}', 'no'],
    ['async pay(orderId,cents){return orderId+cents}', 'no'], // only the blanks are gone
    ['async pay(){}', 'no'],
    ['async pay({...e}){}', 'no'],
  ])('of %s are those of a minifier: %s', (source, says) => {
    const { isMinified, looksMinified } = parameterNames(method(source)) ?? {};
    expect(isMinified === true ? 'minified' : looksMinified === true ? 'perhaps' : 'no').toBe(says);
  });
});
