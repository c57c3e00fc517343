// Where / leads: to the workspace, or to "waiting for flows" while there are none yet.
import { useEffect } from 'react';
import { op } from '@/api/client';
import { setServerNow } from '@/words/clock';
import { navigate } from './router';

export function useHome(here: boolean): void {
	useEffect(() => {
		if (!here) return;
		let gone = false;
		Promise.all([op('status', {}), op('exporters.list', {})]).then(
			([status, list]) => {
				setServerNow(status.now_us);
				if (!gone) navigate(list.exporters.length > 0 ? '/workspace' : '/start', { replace: true });
			},
			() => !gone && navigate('/workspace', { replace: true }),
		);
		return () => {
			gone = true;
		};
	}, [here]);
}
