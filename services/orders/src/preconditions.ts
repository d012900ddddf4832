/** Revisions as entity tags, and If-Match (RFC 9110, 13.1.1). */

export type IfMatch =
  { readonly kind: 'absent' } | { readonly kind: 'any' } | { readonly kind: 'one-of'; readonly tags: readonly string[] }

export function entityTag(revision: number): string {
  return `"${revision}"`
}

const listPattern = /^\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*)*$/
const tagPattern = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g

/** @returns undefined when the header is none of `*`, an entity tag, or a list of them. */
export function parseIfMatch(header: string | undefined): IfMatch | undefined {
  if (header === undefined) return { kind: 'absent' }
  if (header.trim() === '*') return { kind: 'any' }
  return listPattern.test(header) ? { kind: 'one-of', tags: header.match(tagPattern) ?? [] } : undefined
}

/** The strong comparison: a weak tag matches nothing. */
export function matches(condition: IfMatch, revision: number): boolean {
  return condition.kind === 'one-of' ? condition.tags.includes(entityTag(revision)) : true
}
