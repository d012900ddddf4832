export { renderChart, type Chart } from './chart.ts'
export { escapeText, renderDocument, renderTable, type Table } from './document.ts'
export { markdownTable } from './markdown.ts'
