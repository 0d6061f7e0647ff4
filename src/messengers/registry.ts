import { custom } from './custom.ts'
import { generic } from './generic.ts'
import { greenApi } from './green-api.ts'
import { max } from './max.ts'
import { meta } from './meta.ts'
import type { MessengerModule } from './messenger.ts'
import { telegram } from './telegram.ts'
import { vk } from './vk.ts'
import { waha } from './waha.ts'
import { wazzup } from './wazzup.ts'

const registry = {
  generic,
  telegram,
  max,
  vk,
  meta,
  'green-api': greenApi,
  wazzup,
  waha,
  custom,
} satisfies Record<string, MessengerModule>

export type MessengerName = keyof typeof registry

/** Every messenger that a channel can name. */
export const messengers: Readonly<Record<MessengerName, MessengerModule>> = registry
