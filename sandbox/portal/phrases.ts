/** Messages of an English portal. Clients decide on codes; the real messages follow the user's language. */
export const guestName = 'Guest'

export const phrases = {
  notActiveLine: 'Open Channel with this ID is inactive or does not exist.',
  noProvider: 'Cannot find a matching connector provider',
  noConnector: 'Connector is not specified.',
  incomplete: 'Incomplete data',
  noUser: 'Cannot create or get user mapped to external messenger user.',
  invalidEmail: 'Incorrect e-mail.',
  noHistory: 'You cannot open this conversation because you do not have sufficient rights.',
  deletedMessage: 'This message was deleted.',
  originalPost: (url: string) => `Link to original post: ${url}`,
} as const
