// What the server knows of filters and views: operation `grammar`, asked for once.
import { useOp } from '@/api/query';

export interface GrammarValue {
	name: string;
	help?: string;
	number?: number;
}
export interface GrammarField {
	name: string;
	help: string;
	type: string;
	expects: string;
	ordered: boolean;
	values: GrammarValue[];
}
export interface Named {
	name: string;
	help: string;
}
export interface Grammar {
	fields: GrammarField[];
	operators: string[];
	entities: (Named & { sides?: boolean; pair?: boolean })[];
	counts: Named[];
}
const NONE: Grammar = { fields: [], operators: [], entities: [], counts: [] };

export function useGrammar(): Grammar {
	const { data } = useOp('grammar', {}, { staleTime: Infinity, gcTime: Infinity });
	return (data?.grammar as unknown as Grammar | undefined) ?? NONE;
}

/** types whose values the server completes: operation `complete` */
export const COMPLETED = new Set(['country', 'as', 'group', 'netblock', 'application', 'port', 'interface', 'address', 'mac', 'guid']);
