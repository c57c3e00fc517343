// Who is logged in.
import { createContext, useContext } from 'react';
import type { Me } from '@/api/client';

export const MeContext = createContext<Me | null>(null);
export function useMe(): Me {
	const me = useContext(MeContext);
	if (!me) throw new Error('nobody is logged in');
	return me;
}
