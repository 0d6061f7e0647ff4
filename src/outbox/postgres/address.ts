/** The address of a PostgreSQL. Several hosts are one database with stand-bys; one of them takes writes at a time. */
export interface Address {
  /** One URL for each host, with the password. */
  readonly urls: readonly string[]
  /** Hosts and database, nothing secret; for logs, errors and the doctor. */
  readonly name: string
}

/** Whether DATABASE_URL means a PostgreSQL, even if the rest of it is faulty. */
export function isPostgresUrl (databaseUrl: string): boolean {
  return /^postgres(ql)?:/.test(databaseUrl)
}

/** The values of `target_session_attrs` that are allowed. The relay uses the primary in any case. */
const PRIMARY = ['read-write', 'primary']

/** Reads `postgres://user:password@host:5432,other:5432/database?sslmode=verify-full`, as libpq does; null for anything else. */
export function readAddress (databaseUrl: string): Address | null {
  const parts = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/([^/?#]+)(?:\?([^#]*))?$/.exec(databaseUrl)
  if (parts === null) return null
  const [, user, list = '', database = '', query] = parts
  const hosts = list.split(',')
  const parameters = new URLSearchParams(query)
  const target = parameters.get('target_session_attrs')
  parameters.delete('target_session_attrs')
  const urls = hosts.map(host => `postgres://${user === undefined ? '' : `${user}@`}${host}/${database}${parameters.size === 0 ? '' : `?${parameters}`}`)
  if (!urls.every(isUrlOfHost) || (target !== null && !PRIMARY.includes(target))) return null
  return { urls, name: `${hosts.join(',')}/${database}` }
}

function isUrlOfHost (url: string): boolean {
  return URL.canParse(url) && new URL(url).hostname !== ''
}
