import { Page } from '@/shell/parts';
export default function Workspace() {
	return <Page title="Workspace">…</Page>;
}
