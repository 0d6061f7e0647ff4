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

/** Fills `{name}` in a text. */
export function fill (text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => String(values[name] ?? placeholder))
}
