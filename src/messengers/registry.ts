import { custom } from './custom/custom.ts'
import { generic } from './generic/generic.ts'
import { greenApi } from './green-api.ts'
import { max } from './max/max.ts'
import { meta } from './meta/meta.ts'
import type { MessengerModule } from './messenger.ts'
import { telegram } from './telegram/telegram.ts'
import { vk } from './vk/vk.ts'
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
