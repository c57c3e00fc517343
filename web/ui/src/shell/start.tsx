import { Page } from './parts';
export default function Start() {
	return <Page title="Getting flows">…</Page>;
}
