/** Which events of an app's webhook belong to the channel, and whether the relay can ask for clients' names. */
export interface Account {
  /** `ids` are all ids of the account. */
  readonly isServed: (...ids: readonly string[]) => boolean
  readonly asksNames: boolean
}

/** Without a list of accounts, the channel takes all events of the app's webhook. */
export function createAccount ({ accounts, apiToken }: { readonly accounts?: readonly string[] | undefined, readonly apiToken?: string | undefined }): Account {
  return { isServed: (...ids) => accounts === undefined || ids.some(id => accounts.includes(id)), asksNames: apiToken !== undefined }
}
