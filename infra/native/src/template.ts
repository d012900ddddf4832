/** Replaces each `${NAME}`. @throws for a name without a value: a half-filled file would fail in stranger ways. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template
    .split('\n')
    .map((line) =>
      line.startsWith('#')
        ? line
        : line.replaceAll(/\$\{([A-Z][A-Z0-9_]*)\}/gu, (_placeholder, name: string) => {
            const value = values[name]
            if (value === undefined) throw new Error(`The template mentions \${${name}}, which is no setting`)
            return value
          }),
    )
    .join('\n')
}
