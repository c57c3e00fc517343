import { Center, Loader, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiError, onSignedOut, session, type Me } from '@/api/client';
import { queryClient } from '@/api/query';
import { MeContext } from '@/state/me';
import { fetchPrefs, forgetPrefs } from '@/state/prefs';
import { Frame } from './frame';
import { Login } from './login';
import { NewPassword } from './new_password';
import { nonce } from './nonce';
import { Problem } from './parts';
import { theme, variables } from './theme';

type State = { at: 'asking' } | { at: 'out'; expired: boolean } | { at: 'in'; me: Me } | { at: 'trouble'; error: unknown };

function Session() {
	const [state, setState] = useState<State>({ at: 'asking' });
	const entered = (me: Me) => {
		setState({ at: 'in', me });
		if (!me.must_change_password) void fetchPrefs();
	};
	const ask = () => {
		session.get().then(entered, (error: unknown) => {
			if (error instanceof ApiError && error.status === 401) setState({ at: 'out', expired: false });
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
				forgetPrefs();
				queryClient.clear();
				setState({ at: 'out', expired: false });
			};
			if (me.must_change_password)
				return <NewPassword user={me.user} onDone={() => entered({ ...me, must_change_password: false })} onLeave={leave} />;
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
			<QueryClientProvider client={queryClient}>
				<Session />
			</QueryClientProvider>
		</MantineProvider>
	);
}
