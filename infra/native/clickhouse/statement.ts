/**
 * Reads as much of a ClickHouse statement as an HTTP server must know before it hands the text to the engine: what
 * kind it is, where an INSERT's data begins, whether a second statement hides behind a semicolon, and which format
 * it asks for.
 *
 * Invariant: the tokens are cut as ClickHouse's own lexer cuts them (strings, quoted names, heredocs, comments), so
 * nothing inside a string is ever taken for syntax. It judges no grammar: the engine does, and reports its own errors.
 */

type TokenKind = 'word' | 'quotedName' | 'string' | 'number' | 'symbol'

export interface Token {
  readonly kind: TokenKind
  /** A word in lower case, a name without its quotes, a string's value, or the symbol itself. */
  readonly value: string
  readonly start: number
  readonly end: number
}

/** Raised for text that no statement can contain, with the code and name ClickHouse gives it. */
export class StatementError extends Error {
  override readonly name = 'StatementError'
  readonly code: number
  readonly type: string
  constructor(code: number, type: string, message: string) {
    super(message)
    this.code = code
    this.type = type
  }
}

export interface Insert {
  /** Where `FROM INFILE '…'` may be put: behind the table and its columns. */
  readonly sourceOffset: number
  readonly source:
    | { readonly kind: 'data'; readonly format: string; readonly dataOffset: number }
    | { readonly kind: 'values'; readonly valuesOffset: number }
    | { readonly kind: 'select' }
    | { readonly kind: 'selectFromData'; readonly format: string; readonly dataOffset: number }
}

export type Statement =
  | { readonly kind: 'empty' }
  | { readonly kind: 'insert'; readonly insert: Insert }
  /** `verb` is the statement's first word; `format` the one behind a closing FORMAT, if there is one. */
  | { readonly kind: 'query'; readonly verb: string; readonly format: string | undefined }

const whitespace = /\s+/y
const lineComment = /(?:--|\/\/|#!|# )[^\n]*/y
const blockComment = /\/\*[\s\S]*?(?:\*\/|$)/y
const word = /[A-Za-z_]\w*/y
const number = /\d[\w.]*/y
/** ClickHouse also takes typographic quotes, here as characters and as the bytes of their UTF-8 read as latin1. */
const typographicString = /(?:‘|\u00e2\u0080\u0098)[\s\S]*?(?:’|\u00e2\u0080\u0099)/y
const typographicName = /(?:“|\u00e2\u0080\u009c)[\s\S]*?(?:”|\u00e2\u0080\u009d)/y
const heredoc = /\$(\w*)\$[\s\S]*?\$\1\$/y
const quoted = {
  "'": /'(?:[^'\\]|\\[\s\S]|'')*'/y,
  '"': /"(?:[^"\\]|\\[\s\S]|"")*"/y,
  '`': /`(?:[^`\\]|\\[\s\S]|``)*`/y,
} as const

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' }

function matchAt(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset
  return pattern.exec(text)?.[0]
}

function unquote(text: string): string {
  const quote = text.charAt(0)
  return text
    .slice(1, -1)
    .replaceAll(quote + quote, quote)
    .replace(/\\([\s\S])/g, (_, escaped: string) => escapes[escaped] ?? escaped)
}

/** @throws {StatementError} 62 when a string or a quoted name never ends. */
export function* tokenize(text: string): Generator<Token> {
  let offset = 0
  const token = (kind: TokenKind, value: string, length: number): Token => {
    const start = offset
    offset += length
    return { kind, value, start, end: offset }
  }
  while (offset < text.length) {
    const skipped =
      matchAt(whitespace, text, offset) ?? matchAt(lineComment, text, offset) ?? matchAt(blockComment, text, offset)
    if (skipped !== undefined) {
      offset += skipped.length
      continue
    }
    const character = text.charAt(offset)
    if (character === "'" || character === '"' || character === '`') {
      const literal = matchAt(quoted[character], text, offset)
      if (literal === undefined) {
        throw new StatementError(
          62,
          'SYNTAX_ERROR',
          `Syntax error: the quote ${character} at position ${offset + 1} is never closed`,
        )
      }
      yield token(character === "'" ? 'string' : 'quotedName', unquote(literal), literal.length)
      continue
    }
    const typographic = matchAt(typographicString, text, offset)
    if (typographic !== undefined) {
      yield token('string', typographic, typographic.length)
      continue
    }
    const typographicQuoted = matchAt(typographicName, text, offset)
    if (typographicQuoted !== undefined) {
      yield token('quotedName', typographicQuoted, typographicQuoted.length)
      continue
    }
    const name = matchAt(word, text, offset)
    if (name !== undefined) {
      yield token('word', name.toLowerCase(), name.length)
      continue
    }
    const digits = matchAt(number, text, offset)
    if (digits !== undefined) {
      yield token('number', digits, digits.length)
      continue
    }
    const document = character === '$' ? matchAt(heredoc, text, offset) : undefined
    if (document !== undefined) yield token('string', document, document.length)
    else yield token('symbol', character, 1)
  }
}

/** A name as written: words keep their case, quoted names lose their quotes. */
export function nameOf(text: string, token: Token): string | undefined {
  if (token.kind === 'word') return text.slice(token.start, token.end)
  return token.kind === 'quotedName' ? token.value : undefined
}

/**
 * Reads one statement. For an INSERT with data, nothing behind FORMAT is looked at, so `text` may be only the
 * beginning of a long request, as long as the head of the INSERT is in it.
 *
 * @throws {StatementError} on a second statement, INTO OUTFILE or FROM INFILE, none of which the HTTP interface has.
 */
export function parseStatement(text: string): Statement {
  const tokens = tokenize(text)
  const first = tokens.next()
  if (first.done === true) return { kind: 'empty' }
  if (first.value.value === 'insert') return { kind: 'insert', insert: parseInsert(text, tokens) }

  const verb = first.value.kind === 'word' ? first.value.value : first.value.kind
  let format: string | undefined
  let previous: Token = first.value
  let ended = false
  for (const token of tokens) {
    if (ended) refuseSecondStatement()
    if (token.kind === 'symbol' && token.value === ';') ended = true
    else {
      refuseFileAccess(previous, token)
      if (previous.kind === 'word' && previous.value === 'format') format = nameOf(text, token)
      previous = token
    }
  }
  return { kind: 'query', verb, format }
}

function parseInsert(text: string, tokens: Generator<Token>): Insert {
  let isNamed = false
  let previous: Token | undefined
  let sourceOffset: number | undefined
  let depth = 0
  let source: Insert['source'] | undefined
  let ended = false
  for (const token of tokens) {
    if (ended) refuseSecondStatement()
    if (token.kind === 'symbol') {
      if (token.value === '(') depth += 1
      if (token.value === ')') depth -= 1
      if (token.value === ';') ended = true
    }
    if (previous !== undefined) refuseFileAccess(previous, token)
    const isKeyword = token.kind === 'word' && depth === 0 && isNamed
    if (isNamed && depth === 0 && previous?.kind === 'word' && previous.value === 'format') {
      const format = nameOf(text, token)
      if (format?.toLowerCase() === 'values') source = { kind: 'values', valuesOffset: token.end }
      else if (format !== undefined) {
        const kind = source?.kind === 'select' ? 'selectFromData' : 'data'
        return {
          sourceOffset: sourceOffset ?? previous.start,
          source: { kind, format, dataOffset: skipDataSeparator(text, token.end) },
        }
      }
    } else if (isKeyword && ['select', 'with', 'values', 'settings', 'format'].includes(token.value)) {
      sourceOffset ??= token.start
      if (token.value === 'values') source ??= { kind: 'values', valuesOffset: token.end }
      if (token.value === 'select' || token.value === 'with') source ??= { kind: 'select' }
    } else if (!isNamed) {
      isNamed = !(token.kind === 'word' && ['into', 'table', 'function'].includes(token.value))
    }
    previous = token
  }
  return {
    sourceOffset: sourceOffset ?? text.length,
    source: source ?? { kind: 'values', valuesOffset: text.length },
  }
}

/** One line end (or blanks) separates the format's name from the data. */
function skipDataSeparator(text: string, offset: number): number {
  return offset + (matchAt(/[ \t]*(?:\r?\n)?/y, text, offset)?.length ?? 0)
}

function refuseSecondStatement(): never {
  throw new StatementError(
    62,
    'SYNTAX_ERROR',
    'Syntax error (Multi-statements are not allowed): send one statement a request',
  )
}

function refuseFileAccess(previous: Token, token: Token): void {
  if (previous.kind !== 'word' || token.kind !== 'word') return
  const pair = `${previous.value} ${token.value}`
  if (pair === 'into outfile')
    throw new StatementError(285, 'INTO_OUTFILE_NOT_ALLOWED', 'INTO OUTFILE is not allowed over HTTP')
  if (pair === 'from infile') {
    throw new StatementError(
      48,
      'NOT_IMPLEMENTED',
      'FROM INFILE is not available over HTTP: send the data in the request body',
    )
  }
}

/** The names that `WITH name AS (…)` gives to subqueries: they look like tables and are none. */
export function subqueryNames(text: string): ReadonlySet<string> {
  const tokens = [...tokenize(text)]
  const names = new Set<string>()
  for (const [index, token] of tokens.entries()) {
    const name = nameOf(text, token)
    if (name !== undefined && tokens[index + 1]?.value === 'as' && tokens[index + 2]?.value === '(') names.add(name)
  }
  return names
}

const literalWords = new Set([
  ...['null', 'true', 'false', 'nan', 'inf', 'default', 'array', 'tuple', 'map'],
  ...['now', 'now64', 'today', 'todate', 'todatetime', 'todatetime64', 'touuid', 'generateuuidv4', 'generateuuidv7'],
])

/** Whether rows behind VALUES are plain values. They may also be expressions, with subqueries on any table. */
export function areLiteralRows(text: string): boolean {
  return [...tokenize(text)].every((token) => token.kind !== 'word' || literalWords.has(token.value))
}

/**
 * Whether a semicolon before the end might part statements for the engine, even where our own reading sees a string.
 * Only a text without comments, heredocs, escapes and typographic quotes leaves no room for a second opinion.
 */
export function hasDoubtfulSemicolon(text: string): boolean {
  const isDoubtful = /[‘’“”\u0080-\u009f\\$#]|--|\/\/|\/\*/.test(text) || text.includes('\0')
  return isDoubtful && /;[\s\S]*[^\s;]/.test(text)
}
