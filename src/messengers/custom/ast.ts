import type { ExprNode } from 'jsonata'

/** The package's types leave out some nodes, and some of what they hold. */
export type Node = Omit<ExprNode, 'type'> & {
  readonly type: string
  readonly focus?: unknown
  readonly index?: unknown
  readonly condition?: ExprNode
  readonly then?: ExprNode
  readonly else?: ExprNode
}

/** The node and all inside it. */
export function collectNodes (value: unknown, seen = new Set<object>()): Node[] {
  if (typeof value !== 'object' || value === null || value instanceof RegExp || seen.has(value)) return []
  seen.add(value)
  const inside = Object.values(value).flatMap(child => collectNodes(child, seen))
  return Array.isArray(value) ? inside : [value as Node, ...inside]
}

/** The names of variables that a node makes. */
export function namesGiven (node: Node): unknown[] {
  if (node.type === 'lambda') return (node.arguments ?? []).map(argument => argument.value as unknown)
  if (node.type === 'bind') return [(node.lhs as ExprNode).value as unknown]
  return [node.focus, node.index].filter(name => name !== undefined)
}
