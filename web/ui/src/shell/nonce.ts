// Style elements made by script carry the nonce that the server wrote into index.html for this page.
export function nonce(): string {
	const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');
	return meta?.nonce || meta?.getAttribute('nonce') || '';
}
