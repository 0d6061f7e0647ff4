import { generic } from './generic.ts'
import type { MessengerModule } from './messenger.ts'

const registry = {
  generic,
} satisfies Record<string, MessengerModule>

export type MessengerName = keyof typeof registry

/** Every messenger that a channel can name. */
export const messengers: Readonly<Record<MessengerName, MessengerModule>> = registry
