import { CODE_ACTIONS } from '../../bitrix24/codes.ts'

/** A code as a label: a portal may invent codes, and each label's value is a series that Prometheus keeps. */
export function codeLabel (code: string): string {
  return Object.hasOwn(CODE_ACTIONS, code.toUpperCase()) ? code : 'other'
}
