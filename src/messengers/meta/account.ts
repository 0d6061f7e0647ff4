/** Which events of an app's webhook are the channel's, and whether its clients' names can be asked for. */
export interface Account {
  /** `ids`: whatever the account is known by. */
  readonly isServed: (...ids: readonly string[]) => boolean
  readonly asksNames: boolean
}

/** Without a list of accounts everything is served that the app's webhook brings. */
export function createAccount ({ accounts, apiToken }: { readonly accounts?: readonly string[] | undefined, readonly apiToken?: string | undefined }): Account {
  return { isServed: (...ids) => accounts === undefined || ids.some(id => accounts.includes(id)), asksNames: apiToken !== undefined }
}
