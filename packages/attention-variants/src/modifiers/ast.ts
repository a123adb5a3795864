import type { CallExpression, Node } from 'acorn';

/** Calls `see` for every node below these, outer ones first. */
export function visit(nodes: readonly Node[], see: (node: Node, parent?: Node) => void, parent?: Node): void {
  for (const node of nodes) {
    see(node, parent);
    for (const value of Object.values(node)) {
      const children = Array.isArray(value) ? value : [value];
      visit(children.filter(isNode), see, node);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** `abs` where the node is `Math.abs`. */
export function mathName(node: Node): string | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  const { object, property, computed } = node as Node & {
    readonly object: Node & { readonly name?: string };
    readonly property: Node & { readonly name?: string };
    readonly computed: boolean;
  };
  if (computed || object.type !== 'Identifier' || object.name !== 'Math') return undefined;
  return property.type === 'Identifier' ? property.name : undefined;
}

/** Calls of one `Math` function below these nodes, outer ones first. */
export function mathCalls(nodes: readonly Node[], name: string): readonly CallExpression[] {
  const calls: CallExpression[] = [];
  visit(nodes, (node) => {
    if (node.type !== 'CallExpression') return;
    const call = node as CallExpression;
    if (mathName(call.callee) === name) calls.push(call);
  });
  return calls;
}
