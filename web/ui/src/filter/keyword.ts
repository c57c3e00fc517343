import { AndWord, InWord, NotWord, OrWord, XorWord } from './terms.gen';

const words: Record<string, number> = { and: AndWord, or: OrWord, xor: XorWord, not: NotWord, in: InWord };

/** Which keyword a word is, in any case; -1: none. */
export function keyword(value: string, _stack?: unknown): number {
	return words[value.toLowerCase()] ?? -1;
}
