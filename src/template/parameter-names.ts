import {
  parse,
  type AnyNode,
  type ArrowFunctionExpression,
  type FunctionExpression,
  type Pattern,
} from 'acorn';

/** Where a parameter's value is found among the arguments of a call. */
export interface NamedParameter {
  readonly name: string;
  readonly index: number;
  /** For a destructured parameter: `join({ group: { id } })` gives id the path ['group', 'id']. */
  readonly path: readonly string[];
  /** `...ids`: the value is the array of arguments from `index` on. */
  readonly rest: boolean;
}

/** What the source of a method says about its parameters. */
export interface ShownParameters {
  readonly names: readonly NamedParameter[];
  /** The names are short, and the source is as dense as no compiler prints it: they are not those that the author wrote. */
  readonly isMinified: boolean;
  /** Or every name is one letter. Only a hint: people write `(a, b)` too. */
  readonly looksMinified: boolean;
}

/**
 * The parameter names of a method, as its source shows them, read by a real parser: a default value may contain calls,
 * arrows and strings, which is where regular expressions over source fail silently (murlock 4.4: `(a = f(1, 2), id)` loses
 * `id`). null when the source does not show them: native, bound or unreadable code. Never a guess.
 */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- any method of any class
export function parameterNames(method: Function): ShownParameters | null {
  const shown = parametersOf(Function.prototype.toString.call(method));
  if (shown === null) return null;
  const names = shown.patterns.flatMap((pattern, index) =>
    pattern.type === 'RestElement'
      ? namesIn(pattern.argument, { index, path: [], rest: true })
      : namesIn(pattern, { index, path: [], rest: false }),
  );
  const longest = Math.max(0, ...names.map(({ name }) => name.length));
  const isMinified = shown.isDense && (longest === 1 || longest === 2);
  return { names, isMinified, looksMinified: isMinified || longest === 1 };
}

interface ParsedParameters {
  readonly patterns: readonly Pattern[];
  /** No blank before the body, `pay(e,t){`: only minifiers print that. */
  readonly isDense: boolean;
}

/**
 * A method's source, `async join(id) {…}`, is no program of its own. First as an expression (functions and arrows that
 * another decorator put there), then as the only member of a class (methods, `super` included).
 */
function parametersOf(source: string): ParsedParameters | null {
  const asExpression = `(${source}\n)`;
  const expression = tryParse(asExpression);
  if (expression?.type === 'ExpressionStatement') {
    const { expression: node } = expression;
    return node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression'
      ? parametersIn(node, asExpression)
      : null;
  }
  const asMember = `(class {${source}\n})`;
  const wrapped = tryParse(asMember);
  if (wrapped?.type !== 'ExpressionStatement' || wrapped.expression.type !== 'ClassExpression') return null;
  const [member, ...others] = wrapped.expression.body.body;
  if (member?.type !== 'MethodDefinition' || others.length > 0) return null;
  return parametersIn(member.value, asMember);
}

function parametersIn(
  { params, body }: FunctionExpression | ArrowFunctionExpression,
  program: string,
): ParsedParameters {
  return { patterns: params, isDense: program[body.start - 1]?.trim() !== '' };
}

/** The only statement of a program, or undefined when it does not parse to exactly one. */
function tryParse(program: string): AnyNode | undefined {
  try {
    // Private names are declared in the class around the method, which we do not see.
    const { body } = parse(program, { ecmaVersion: 'latest', checkPrivateFields: false });
    return body.length === 1 ? body[0] : undefined;
  } catch {
    return undefined; // the caller says what to do instead; the parser's complaint would only confuse
  }
}

type Place = Omit<NamedParameter, 'name'>;

function namesIn(pattern: Pattern | null, place: Place): NamedParameter[] {
  if (pattern === null) return []; // a hole: `[, second]`
  switch (pattern.type) {
    case 'Identifier':
      return [{ name: pattern.name, ...place }];
    case 'AssignmentPattern':
      return namesIn(pattern.left, place);
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => {
        // `...others` stands for what is left over and a computed key is known only in the call: neither has a path.
        if (property.type === 'RestElement' || property.computed) return [];
        const key = keyOf(property.key);
        return key === undefined ? [] : namesIn(property.value, { ...place, path: [...place.path, key] });
      });
    case 'ArrayPattern':
      return pattern.elements.flatMap((element, at) =>
        element?.type === 'RestElement'
          ? []
          : namesIn(element, { ...place, path: [...place.path, String(at)] }),
      );
    case 'MemberExpression': // neither can be a parameter by itself
    case 'RestElement':
      break;
  }
  return [];
}

function keyOf(key: AnyNode): string | undefined {
  if (key.type === 'Identifier') return key.name;
  if (key.type === 'Literal' && (typeof key.value === 'string' || typeof key.value === 'number'))
    return String(key.value);
  return undefined;
}
