/** The entries of one kind, of a history whose entries have kinds. */
export function entriesOf<Entry extends { readonly kind: string }, Kind extends Entry['kind']>(
  history: readonly Entry[],
  kind: Kind,
): readonly Extract<Entry, { readonly kind: Kind }>[] {
  return history.filter((entry): entry is Extract<Entry, { readonly kind: Kind }> => entry.kind === kind)
}
