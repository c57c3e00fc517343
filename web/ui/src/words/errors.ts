// What went wrong, and what to do about it.  Texts of the server are shown as they are: they say the reason and the
// remedy.  Added is what only the interface knows.
import { ApiError } from '@/api/client';

export interface Trouble {
	title: string;
	text: string;
	/** trying again may help */
	retry: boolean;
}

export function trouble(e: unknown): Trouble {
	if (e instanceof ApiError) {
		switch (e.code) {
			case 'bad_filter':
				return { title: 'The filter can’t be read', text: e.message, retry: false };
			case 'bad_time':
				return { title: 'The time frame can’t be read', text: e.message, retry: false };
			case 'limit':
				return { title: 'The query reached a bound', text: `${e.message} A shorter time frame or a narrower filter helps.`, retry: true };
			case 'throttled':
				return { title: 'Too many tries', text: e.message, retry: true };
			case 'forbidden':
				return { title: 'Not permitted', text: e.message, retry: false };
			case 'network':
				return { title: 'No connection', text: e.message, retry: true };
		}
		if (e.status === 429) return { title: 'Too many requests', text: e.message, retry: true };
		if (e.status === 503) return { title: 'The server is busy or starting', text: e.message, retry: true };
		if (e.status >= 500 || e.status === 0) return { title: 'The server could not answer', text: e.message, retry: true };
		return { title: 'That did not work', text: e.message, retry: false };
	}
	return { title: 'The interface stumbled', text: e instanceof Error ? e.message : String(e), retry: true };
}
