import { en } from './en.ts'
import { ru } from './ru.ts'

export type Texts = typeof en

/** What something means, and what an operator can do about it. */
export interface Explanation {
  readonly means: string
  readonly todo: string
}

export const languages = ['en', 'ru'] as const

export type Language = typeof languages[number]

export const texts: Readonly<Record<Language, Texts>> = { en, ru }
