import { Center, Loader, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiError, onSignedOut, session, type Me } from '@/api/client';
import { queryClient } from '@/api/query';
import { MeContext } from '@/state/me';
import { forgetPrefs } from '@/state/prefs';
import { enter } from './enter';
import { Frame } from './frame';
import { Login } from './login';
import { NewPassword } from './new_password';
import { nonce } from './nonce';
import { Problem } from './parts';
import { theme, variables } from './theme';
import { TipLayer } from './tip';

type State = { at: 'asking' } | { at: 'out'; expired: boolean } | { at: 'in'; me: Me } | { at: 'trouble'; error: unknown };

// The cookie is not script's to see; whether somebody logged in here is remembered beside it.
const KNOWN = 'flowtrove.in';
function known(): boolean {
	try {
		return localStorage.getItem(KNOWN) === '1';
	} catch {
		return true;
	}
}
function know(yes: boolean): void {
	try {
		if (yes) localStorage.setItem(KNOWN, '1');
		else localStorage.removeItem(KNOWN);
	} catch {
		// then it is asked each time
	}
}

function Session() {
	const [state, setState] = useState<State>({ at: 'asking' });
	const entered = async (me: Me): Promise<void> => {
		know(true);
		if (!me.must_change_password) await enter().catch(() => undefined);
		setState({ at: 'in', me });
	};
	const ask = () => {
		// who never logged in here is not asked about: the answer would be no
		if (!known()) return setState({ at: 'out', expired: false });
		setState((s) => (s.at === 'trouble' ? { at: 'asking' } : s));
		session.get().then(entered, (error: unknown) => {
			if (error instanceof ApiError && error.status === 401) {
				know(false);
				setState({ at: 'out', expired: false });
			}
			else setState({ at: 'trouble', error });
		});
	};
	useEffect(() => {
		ask();
		onSignedOut(() => setState((s) => (s.at === 'in' ? { at: 'out', expired: true } : s)));
	}, []);

	switch (state.at) {
		case 'asking':
			return (
				<Center h="100vh">
					<Loader aria-label="Loading" />
				</Center>
			);
		case 'trouble':
			return (
				<Center h="100vh" p="md">
					<Problem error={state.error} onRetry={ask} />
				</Center>
			);
		case 'out':
			return <Login expired={state.expired} onEntered={entered} />;
		case 'in': {
			const { me } = state;
			const leave = () => {
				session.logout().catch(() => undefined);
				know(false);
				forgetPrefs();
				queryClient.clear();
				setState({ at: 'out', expired: false });
			};
			if (me.must_change_password)
				return <NewPassword user={me.user} onDone={() => void entered({ ...me, must_change_password: false })} onLeave={leave} />;
			return (
				<MeContext.Provider value={me}>
					<Frame onLeave={leave} />
				</MeContext.Provider>
			);
		}
	}
}

export function App() {
	return (
		<MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={nonce}>
			<Notifications position="bottom-right" />
			<TipLayer />
			<QueryClientProvider client={queryClient}>
				<Session />
			</QueryClientProvider>
		</MantineProvider>
	);
}
