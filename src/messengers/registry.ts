import { generic } from './generic.ts'
import { max } from './max.ts'
import type { MessengerModule } from './messenger.ts'
import { telegram } from './telegram.ts'

const registry = {
  generic,
  telegram,
  max,
} satisfies Record<string, MessengerModule>

export type MessengerName = keyof typeof registry

/** Every messenger that a channel can name. */
export const messengers: Readonly<Record<MessengerName, MessengerModule>> = registry
