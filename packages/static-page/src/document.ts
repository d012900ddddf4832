/**
 * An HTML page that stands for itself: no script, nothing to load, so it can be kept, mailed and opened in ten years.
 * Everything that a caller puts in as `body` is HTML already; texts go through `escapeText` first.
 */

export interface Table {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const commonStyle = `
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.9rem 0.3rem 0; border-bottom: 1px solid var(--line); }
figure { margin: 1.5rem 0; background: #fff; border-radius: 6px; overflow-x: auto; }
pre { overflow-x: auto; font-size: 0.8rem; background: #8881; padding: 0.8rem; border-radius: 6px; }
small { opacity: 0.75; }
`

export function renderDocument(page: {
  readonly title: string
  readonly style?: string
  readonly body: string
}): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(page.title)}</title>
<style>${commonStyle}${page.style ?? ''}</style>
</head>
<body>
<h1>${escapeText(page.title)}</h1>
${page.body}
</body>
</html>
`
}

/** Its texts are escaped here. */
export function renderTable({ title, head, rows }: Table): string {
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`
  return `${title === '' ? '' : `<h3>${escapeText(title)}</h3>`}
<table><thead>${cells(head, 'th')}</thead><tbody>${rows.map((row) => cells(row, 'td')).join('\n')}</tbody></table>`
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
