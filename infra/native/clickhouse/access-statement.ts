/**
 * Reads the access statements that the front executes itself: CREATE, ALTER and DROP USER, GRANT, REVOKE, SHOW USERS
 * and SHOW GRANTS. The embedded engine has no writable storage for users, so the front keeps them.
 *
 * It understands passwords, settings and privileges on databases and tables. Anything else in these statements
 * (roles, hosts, column grants, quotas) is refused with NOT_IMPLEMENTED rather than half obeyed.
 */
import { nameOf, StatementError, tokenize, type Token } from './statement.ts'

export const privileges = ['SELECT', 'INSERT', 'ALTER', 'ALL'] as const
export type Privilege = (typeof privileges)[number]

/** `*` stands for every database or every table. */
export interface Target {
  readonly database: string
  readonly table: string
}

export interface UserDefinition {
  readonly password?: string
  readonly settings?: Readonly<Record<string, string>>
}

export type AccessStatement =
  | {
      readonly kind: 'createUser'
      readonly user: string
      readonly ifExists: 'fail' | 'keep' | 'replace'
      readonly definition: UserDefinition
    }
  | { readonly kind: 'alterUser'; readonly user: string; readonly definition: UserDefinition }
  | { readonly kind: 'dropUser'; readonly user: string; readonly ifExists: boolean }
  | {
      readonly kind: 'grant' | 'revoke'
      readonly privileges: readonly Privilege[]
      readonly target: Target
      readonly user: string
    }
  | { readonly kind: 'showUsers'; readonly format: string | undefined }
  | { readonly kind: 'showGrants'; readonly user: string | undefined; readonly format: string | undefined }

/** @throws {StatementError} 48 for an access statement in a form that the front does not keep. */
export function parseAccessStatement(text: string): AccessStatement | undefined {
  const tokens = [...tokenize(text)].filter((token) => !(token.kind === 'symbol' && token.value === ';'))
  const reader = new TokenReader(text, tokens)
  if (reader.take('create', 'user')) return createUser(reader)
  if (reader.take('alter', 'user')) {
    reader.take('if', 'exists')
    const user = reader.name('the name of the user')
    return { kind: 'alterUser', user, definition: definition(reader) }
  }
  if (reader.take('drop', 'user')) {
    const ifExists = reader.take('if', 'exists')
    const user = reader.name('the name of the user')
    reader.end()
    return { kind: 'dropUser', user, ifExists }
  }
  if (reader.take('show', 'users')) {
    const format = optionalFormat(reader)
    return { kind: 'showUsers', format }
  }
  if (reader.take('show', 'grants')) {
    const user = reader.take('for') ? reader.name('the name of the user') : undefined
    return { kind: 'showGrants', user, format: optionalFormat(reader) }
  }
  if (reader.take('grant')) return grant(reader, 'grant', 'to')
  if (reader.take('revoke')) return grant(reader, 'revoke', 'from')
  return undefined
}

function optionalFormat(reader: TokenReader): string | undefined {
  const format = reader.take('format') ? reader.name('the name of a format') : undefined
  reader.end()
  return format
}

function createUser(reader: TokenReader): AccessStatement {
  const ifExists = reader.take('if', 'not', 'exists') ? 'keep' : reader.take('or', 'replace') ? 'replace' : 'fail'
  const user = reader.name('the name of the user')
  return { kind: 'createUser', user, ifExists, definition: definition(reader) }
}

function definition(reader: TokenReader): UserDefinition {
  let password: string | undefined
  let settings: Record<string, string> | undefined
  for (;;) {
    if (reader.take('identified', 'by')) password = reader.string('the password')
    else if (reader.take('identified', 'with', 'sha256_password', 'by')) password = reader.string('the password')
    else if (reader.take('settings')) {
      settings = {}
      do {
        const name = reader.name('the name of a setting')
        reader.symbol('=')
        settings[name] = reader.value('the value of a setting')
      } while (reader.takeSymbol(','))
    } else break
  }
  reader.end()
  return { ...(password === undefined ? {} : { password }), ...(settings === undefined ? {} : { settings }) }
}

function grant(reader: TokenReader, kind: 'grant' | 'revoke', preposition: 'to' | 'from'): AccessStatement {
  const granted: Privilege[] = []
  do {
    const written = reader.name('a privilege').toUpperCase()
    const privilege = privileges.find((known) => known === written)
    if (privilege === undefined) reader.refuse(`the privilege ${written} (known: ${privileges.join(', ')})`)
    granted.push(privilege)
  } while (reader.takeSymbol(','))
  if (!reader.take('on')) reader.refuse('anything but GRANT … ON database.table')
  const database = reader.nameOrStar()
  reader.symbol('.')
  const table = reader.nameOrStar()
  if (!reader.take(preposition)) reader.refuse(`a missing ${preposition.toUpperCase()}`)
  const user = reader.name('the name of the user')
  reader.end()
  return { kind, privileges: granted, target: { database, table }, user }
}

class TokenReader {
  readonly #text: string
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text
    this.#tokens = tokens
  }

  /** Takes these words if they come next, all of them or none. */
  take(...words: readonly string[]): boolean {
    const matches = words.every((word, index) => {
      const token = this.#tokens[this.#next + index]
      return token?.kind === 'word' && token.value === word
    })
    if (matches) this.#next += words.length
    return matches
  }

  takeSymbol(symbol: string): boolean {
    const token = this.#tokens[this.#next]
    const matches = token?.kind === 'symbol' && token.value === symbol
    if (matches) this.#next += 1
    return matches
  }

  symbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) this.refuse(`a missing ${symbol}`)
  }

  name(what: string): string {
    const token = this.#tokens[this.#next]
    const name = token && (token.kind === 'string' ? token.value : nameOf(this.#text, token))
    if (name === undefined) this.refuse(`a missing or strange text for ${what}`)
    this.#next += 1
    return name
  }

  nameOrStar(): string {
    return this.takeSymbol('*') ? '*' : this.name('a database or a table')
  }

  string(what: string): string {
    const token = this.#tokens[this.#next]
    if (token?.kind !== 'string') this.refuse(`a missing or unquoted text for ${what}`)
    this.#next += 1
    return token.value
  }

  value(what: string): string {
    const token = this.#tokens[this.#next]
    if (token?.kind !== 'string' && token?.kind !== 'number') this.refuse(`a missing text for ${what}`)
    this.#next += 1
    return token.value
  }

  end(): void {
    const token = this.#tokens[this.#next]
    if (token !== undefined) this.refuse(`'${this.#text.slice(token.start)}'`)
  }

  refuse(what: string): never {
    throw new StatementError(
      48,
      'NOT_IMPLEMENTED',
      `The embedded engine's users do not know ${what}. They know CREATE/ALTER USER name IDENTIFIED WITH sha256_password BY '…' SETTINGS a = 'b', DROP USER, and GRANT/REVOKE SELECT, INSERT, ALTER, ALL ON database.table`,
    )
  }
}
