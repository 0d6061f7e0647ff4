import type { Channel } from '../config.ts'
import { createGeneric } from './generic.ts'
import type { MessengerFactory } from './messenger.ts'

/** Every messenger that a channel can name. */
export const messengerFactories: Readonly<Record<Channel['messenger'], MessengerFactory>> = {
  generic: createGeneric,
}
